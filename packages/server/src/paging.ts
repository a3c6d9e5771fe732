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

/** Counting stops here: one more than is told, to know that there is more. */
export const countLimit = limits.countedTotal + 1;

/** The lists that hand out cursors. Two of them may sort by the same columns, in other directions. */
export type ListName =
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

/**
 * A page out of rows that were read with one too many, which tells that the list goes on.
 *
 * @param position what the list is sorted by.
 */
export function cutPage<R>(
  list: ListName,
  rows: readonly R[],
  { limit }: PageRequest,
  position: (row: R) => readonly (string | number)[],
): { page: R[]; next_cursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { page, next_cursor: last !== undefined && rows.length > limit ? encodeCursor(list, position(last)) : null };
}

/** Cursors are opaque on the wire: base64url of a JSON list, which begins with the name of the list it is for. */
export function encodeCursor(list: ListName, position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([list, ...position])).toString('base64url');
}

/**
 * Reads a cursor back.
 *
 * @param start the position of the list's beginning, for a request without a cursor; also says what a cursor holds.
 * @throws DomainError `invalid_request` for anything that this list did not hand out, and for a cursor with an offset.
 */
export function decodeCursor<P extends readonly (string | number)[]>(list: ListName, page: PageRequest, start: P): P {
  const position = readCursor(list, page);
  if (position === undefined) return start;
  if (position.length !== start.length || !start.every((value, i) => typeof value === typeof position[i])) {
    throw notACursor();
  }
  return position as unknown as P;
}

/** What stands in a cursor of this list, whatever that is; undefined without one. Throws like `decodeCursor`. */
export function readCursor(list: ListName, { cursor, offset }: PageRequest): unknown[] | undefined {
  if (cursor === undefined) return undefined;
  if (offset > 0) throw invalid('cursor and offset exclude each other', 'Give the cursor alone to read on.');
  try {
    const [name, ...position] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (name === list && position.every(isStorable)) return position;
  } catch {
    // Neither JSON nor a list: not one of ours.
  }
  throw notACursor();
}

export const notACursor = () =>
  invalid('cursor: is not a cursor of this list', 'Use next_cursor of the page before, unchanged.');

const isStorable = (value: unknown) =>
  Number.isSafeInteger(value) || (typeof value === 'string' && !value.includes('\0') && value.isWellFormed());
