import { type DirectoryOrder, limits } from '@pinchwork/sdk/table';
import { invalid } from './errors.ts';
import { countFitting } from './page-size.ts';

/** The page that a request asks for. */
export interface PageRequest {
  readonly limit: number;
  readonly offset: number;
  readonly cursor?: string | undefined;
}

/** The `total` of a list, and whether it has more rows than are counted (contract section 1). */
export function counted(total: number): { total: number; total_capped?: true } {
  return total > limits.countedTotal ? { total: limits.countedTotal, total_capped: true } : { total };
}

/** How long a search for a page, or for a task to claim, may take before the reply is marked as partial. */
export const searchBudgetMs = 80;

/** Counting stops here. It is one more than is shown, to know whether there are more. */
export const countLimit = limits.countedTotal + 1;

/**
 * The lists with cursors. A cursor names its list, because two lists may sort by the same columns in different
 * directions.
 */
type ListName =
  | 'board'
  | 'open tasks'
  | 'mine'
  | 'ledger'
  | 'trust'
  | 'questions'
  | 'messages'
  | 'reports'
  | 'adminLog'
  | 'invites'
  | `all ${'tasks' | 'agents'} by ${string}`
  | `disputes by ${string}`
  | 'tasks of an agent'
  | 'tasks of a conversation'
  | 'deliveries'
  | 'deliveries of a task'
  | 'events'
  | `agents by ${DirectoryOrder}`;

/** The fields about the list in every reply with a page. */
interface ListFacts {
  readonly total: number;
  readonly total_capped?: true;
  readonly next_cursor: string | null;
}

/** The values of the columns that a list is sorted by. */
type SortKey = readonly [string] | readonly [number] | readonly [number, string];

/** Reads the rows of a list. `limit` is one more than the page holds: the extra row shows that the list continues. */
interface PageSource<R, P extends SortKey, V extends object> {
  /** The sort key before the first row. Its types are those of a cursor. */
  readonly start: P;
  /** The sort key of a row. */
  sortKey(row: R): P;
  /** Reads the rows behind a sort key. */
  read(from: { readonly sortKey: P; readonly limit: number; readonly offset: number }): Promise<readonly R[]>;
  /** Counts the whole list, up to `limit`. */
  count(limit: number): Promise<{ total: number }>;
  /** A row as the reply shows it. */
  view(row: R): V;
}

/**
 * Reads a page of a list and counts the list, concurrently. A page ends early where it would be too large (contract
 * section 1, "Size of a page").
 *
 * @returns the rows of the page as the reply shows them, and the reply's fields about the list.
 * @throws DomainError `invalid_request` for a cursor of another list or an invalid one, and for a cursor with an
 *   offset.
 */
export async function readPage<R, P extends SortKey, V extends object>(
  list: ListName,
  request: PageRequest,
  source: PageSource<R, P, V>,
): Promise<{ rows: V[]; facts: ListFacts }> {
  const { limit, offset } = request;
  const sortKey = decodeCursor(list, request, source.start);
  const [found, { total }] = await Promise.all([
    source.read({ sortKey, limit: limit + 1, offset }),
    source.count(countLimit),
  ]);
  const views = found.slice(0, limit).map((row) => source.view(row));
  const rows = views.slice(0, countFitting(views));
  const last = found[rows.length - 1];
  const next_cursor =
    last !== undefined && found.length > rows.length ? encodeCursor(list, source.sortKey(last)) : null;
  return { rows, facts: { ...counted(total), next_cursor } };
}

/**
 * Encodes a cursor. Cursors are opaque on the wire: base64url of a JSON list that begins with the name of its list.
 *
 * @param skip how many rows behind the cursor to skip first. It is the rest of an offset, when the time for the
 *   previous page ran out while it skipped rows.
 */
export function encodeCursor(list: ListName, values: readonly (string | number)[], skip = 0): string {
  const name = skip === 0 ? list : `${list}+${skip}`;
  return Buffer.from(JSON.stringify([name, ...values])).toString('base64url');
}

/**
 * Decodes a cursor.
 *
 * @param start the sort key before the first row, for a request without a cursor. Its types are those of a cursor.
 * @throws DomainError `invalid_request` for a cursor of another list or an invalid one, and for a cursor with an
 *   offset.
 */
function decodeCursor<P extends readonly (string | number)[]>(list: ListName, page: PageRequest, start: P): P {
  const { sortKey, offset } = decodeRange(list, page, start);
  if (page.cursor !== undefined && offset > 0) throw notACursor();
  return sortKey;
}

/** Like `decodeCursor`, with the number of rows to skip, for a list whose pages may end because time runs out. */
export function decodeRange<P extends readonly (string | number)[]>(
  list: ListName,
  page: PageRequest,
  start: P,
): { sortKey: P; offset: number } {
  const { values, offset } = readCursor(list, page);
  if (values === undefined) return { sortKey: start, offset };
  if (values.length !== start.length || !start.every((value, i) => typeof value === typeof values[i])) {
    throw notACursor();
  }
  // Checked above, value by value.
  return { sortKey: values as unknown as P, offset };
}

interface CursorValues {
  /** The unchecked values in the cursor. Undefined: no cursor. */
  readonly values: unknown[] | undefined;
  /** How many rows to skip from there. */
  readonly offset: number;
}

/** Decodes a cursor of this list without checking its types. Throws like `decodeCursor`. */
export function readCursor(list: ListName, { cursor, offset }: PageRequest): CursorValues {
  if (cursor === undefined) return { values: undefined, offset };
  if (offset > 0) throw invalid("cursor and offset can't be used together", 'Send only the cursor to read on.');
  try {
    // Whatever it holds is checked below; anything but a list throws.
    const [name, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const [, known, skipped = '0'] = /^([^+]*)(?:\+(\d+))?$/.exec(String(name)) ?? [];
    const skip = Number(skipped);
    if (known === list && skip <= limits.pageOffset && values.every(isStorable)) return { values, offset: skip };
  } catch {
    // Neither JSON nor a list, so not a cursor of this server.
  }
  throw notACursor();
}

export const notACursor = () =>
  invalid('cursor: is not a cursor of this list', 'Use next_cursor of the previous page unchanged.');

const isStorable = (value: unknown) =>
  Number.isSafeInteger(value) || (typeof value === 'string' && !value.includes('\0') && value.isWellFormed());
