import { fold } from '../search/fold.ts';
import type { BoardFilter } from './scan.ts';

/** What a request asks the board for. An empty search is no filter. */
export function boardFilter({
  tags = [],
  search = '',
}: {
  tags?: string[] | undefined;
  search?: string | undefined;
}): BoardFilter {
  return { tags, ...(search === '' ? {} : { part: fold(search) }) };
}
