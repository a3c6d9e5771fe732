import { fold } from '../search/fold.ts';
import type { BoardFilter } from './scan.ts';

/** The filter of a request: its folded tags and its search, folded here. An empty search is no filter. */
export function boardFilter({
  tags = [],
  search = '',
}: {
  tags?: string[] | undefined;
  search?: string | undefined;
}): BoardFilter {
  return { tags, ...(search === '' ? {} : { part: fold(search) }) };
}
