import { numberFlag, textFlag } from '../command/values.ts';

/** Lists of any length: pages of the server are joined. */

/** The longest page of the server. */
const longestPage = 100;

export const listFlags = {
  limit: numberFlag('N', 'How many rows, at most'),
  cursor: textFlag('CURSOR', 'Go on where a page ended'),
};

interface ListInput {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/**
 * Reads as many rows as the flags say, in one reply: the first page, with the rows of the next ones behind its own. The
 * cursor in it goes on exactly behind its last row.
 *
 * @param read asks for one page
 * @param field the field of a page that has its rows
 */
export async function readList<Page extends { readonly next_cursor: string | null }>(
  read: (page: ListInput) => PromiseLike<Page>,
  field: string,
  { limit, cursor }: ListInput,
): Promise<Page> {
  const pageOf = (left: number | undefined) => (left === undefined ? undefined : Math.min(left, longestPage));
  const rowsOf = (page: Page) => (page as unknown as Record<string, unknown[]>)[field] ?? [];
  const first = await read({ limit: pageOf(limit), cursor });
  const rows = [...rowsOf(first)];
  let next = first.next_cursor;
  while (limit !== undefined && rows.length < limit && next !== null) {
    const page = await read({ limit: pageOf(limit - rows.length), cursor: next });
    rows.push(...rowsOf(page));
    next = page.next_cursor;
  }
  return { ...first, [field]: rows, next_cursor: next };
}
