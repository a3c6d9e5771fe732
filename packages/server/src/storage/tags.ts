import { foldTag } from '@pinchwork/sdk';
import { listParams, type Params } from './prepared.ts';

/** Tags as the parameters of a query: `tag_0`, `tag_1`, …, folded. */
export function tagParams(tags: readonly string[]): Params {
  return listParams('tag', tags.map(foldTag));
}
