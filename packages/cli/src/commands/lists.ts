import type { List } from '@pinchwork/sdk';
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

interface AnyPage {
  readonly next_cursor: string | null;
}

/** The fields of a request for the first page. */
export const firstPage = ({ limit, cursor }: ListInput) => ({
  limit: limit === undefined ? undefined : Math.min(limit, longestPage),
  cursor,
});

/**
 * Reads as many rows as `limit` says, in one reply: the first page, with the rows of the next ones behind its own.
 *
 * @param field the field of a page that has its rows
 */
export async function readList<Page extends AnyPage, Row>(
  list: List<Page, Row>,
  field: keyof Page,
  limit: number | undefined,
): Promise<Page> {
  if (limit === undefined || limit <= longestPage) return list;
  let reply: Page | undefined;
  const rows: unknown[] = [];
  for await (const page of list.pages()) {
    reply = { ...page, ...reply, next_cursor: page.next_cursor };
    rows.push(...(page[field] as unknown[]));
    if (rows.length >= limit) break;
  }
  return { ...reply!, [field]: rows.slice(0, limit) };
}
