import { type DirectoryOrder, limits } from '@pinchwork/sdk';
import { invalid } from './errors.ts';

/** Where a page is to begin, as a request says it. */
export interface PageRequest {
  readonly limit: number;
  readonly offset: number;
  readonly cursor?: string | undefined;
}

/** `total`, and whether there are more than are counted (contract section 1). */
export function counted(total: number): { total: number; total_capped?: true } {
  return total > limits.countedTotal ? { total: limits.countedTotal, total_capped: true } : { total };
}

/** How long is searched for a page, or for a task to claim, before the reply says that it is partial. */
export const searchBudgetMs = 80;

/** Counting stops here: one more than is told, to know that there is more. */
export const countLimit = limits.countedTotal + 1;

/** The lists that hand out cursors. Two of them may sort by the same columns, in other directions. */
type ListName =
  | 'board'
  | 'mine'
  | 'ledger'
  | 'trust'
  | 'questions'
  | 'messages'
  | 'reports'
  | 'adminLog'
  | 'deliveries'
  | `agents by ${DirectoryOrder}`;

/** What every reply with a page says of its list. */
interface ListFacts {
  readonly total: number;
  readonly total_capped?: true;
  readonly next_cursor: string | null;
}

/** What a list is sorted by. */
type Position = readonly [string] | readonly [number, string];

/** Where the rows of a list come from. `limit` is one more than the page holds: the last row tells that it goes on. */
interface PageSource<R, P extends Position> {
  /** The position of the list's beginning; it also says what a cursor holds. */
  readonly start: P;
  /** What the list is sorted by. */
  position(row: R): P;
  /** Reads the rows behind a position. */
  read(from: { readonly position: P; readonly limit: number; readonly offset: number }): Promise<readonly R[]>;
  /** Counts the whole list, up to `limit`. */
  count(limit: number): Promise<{ total: number }>;
  /** Leaves out rows at the end of a page that would be too long; at least the row behind the page. */
  cut?(rows: readonly R[], limit: number): readonly R[];
}

/**
 * Reads a page of a list and counts the list, both at once.
 *
 * @returns the rows of the page, and what the reply says of the list.
 * @throws DomainError `invalid_request` for a cursor that this list did not hand out, and for a cursor with an offset.
 */
export async function readPage<R, P extends Position>(
  list: ListName,
  request: PageRequest,
  source: PageSource<R, P>,
): Promise<{ rows: readonly R[]; facts: ListFacts }> {
  const { limit, offset } = request;
  const position = decodeCursor(list, request, source.start);
  const [found, { total }] = await Promise.all([
    source.read({ position, limit: limit + 1, offset }),
    source.count(countLimit),
  ]);
  const rows = source.cut?.(found, limit) ?? found.slice(0, limit);
  const last = rows.at(-1);
  const next_cursor =
    last !== undefined && found.length > rows.length ? encodeCursor(list, source.position(last)) : null;
  return { rows, facts: { ...counted(total), next_cursor } };
}

/**
 * Cursors are opaque on the wire: base64url of a JSON list, which begins with the name of the list it is for.
 *
 * @param skip how many rows behind the position are to be passed over first: what is left of an offset when the time for
 *   a page was up before.
 */
export function encodeCursor(list: ListName, position: readonly (string | number)[], skip = 0): string {
  const name = skip === 0 ? list : `${list}+${skip}`;
  return Buffer.from(JSON.stringify([name, ...position])).toString('base64url');
}

/**
 * Reads a cursor back.
 *
 * @param start the position of the list's beginning, for a request without a cursor; also says what a cursor holds.
 * @throws DomainError `invalid_request` for anything that this list did not hand out, and for a cursor with an offset.
 */
function decodeCursor<P extends readonly (string | number)[]>(list: ListName, page: PageRequest, start: P): P {
  const { position, offset } = decodePlace(list, page, start);
  if (page.cursor !== undefined && offset > 0) throw notACursor();
  return position;
}

/** The same with the rows that are to be passed over from there, for a list whose pages may end when the time is up. */
export function decodePlace<P extends readonly (string | number)[]>(
  list: ListName,
  page: PageRequest,
  start: P,
): { position: P; offset: number } {
  const { position, offset } = readCursor(list, page);
  if (position === undefined) return { position: start, offset };
  if (position.length !== start.length || !start.every((value, i) => typeof value === typeof position[i])) {
    throw notACursor();
  }
  return { position: position as unknown as P, offset };
}

interface Place {
  /** What stands in the cursor, whatever that is; undefined without one. */
  readonly position: unknown[] | undefined;
  /** How many rows are to be passed over from there. */
  readonly offset: number;
}

/** Reads a cursor of this list. Throws like `decodeCursor`. */
export function readCursor(list: ListName, { cursor, offset }: PageRequest): Place {
  if (cursor === undefined) return { position: undefined, offset };
  if (offset > 0) throw invalid('cursor and offset exclude each other', 'Give the cursor alone to read on.');
  try {
    const [name, ...position] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const [, known, skipped = '0'] = /^([^+]*)(?:\+(\d+))?$/.exec(String(name)) ?? [];
    const skip = Number(skipped);
    if (known === list && skip <= limits.pageOffset && position.every(isStorable)) return { position, offset: skip };
  } catch {
    // Neither JSON nor a list: not one of ours.
  }
  throw notACursor();
}

export const notACursor = () =>
  invalid('cursor: is not a cursor of this list', 'Use next_cursor of the page before, unchanged.');

const isStorable = (value: unknown) =>
  Number.isSafeInteger(value) || (typeof value === 'string' && !value.includes('\0') && value.isWellFormed());
