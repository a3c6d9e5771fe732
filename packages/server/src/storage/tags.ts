import { foldTag } from '@pinchwork/sdk/table';
import { listParams, type Params } from './prepared.ts';

/** The folded tags as query parameters `tag_0`, `tag_1`, … */
export function tagParams(tags: readonly string[]): Params {
  return listParams('tag', tags.map(foldTag));
}
