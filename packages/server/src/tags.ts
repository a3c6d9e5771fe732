import { foldTag } from '@pinchwork/sdk';
import type { Params } from './db/prepared.ts';

/** Tags as the parameters of a query: `tag_0`, `tag_1`, …, folded. */
export function tagParams(tags: readonly string[]): Params {
  return Object.fromEntries(tags.map((tag, i) => [`tag_${i}`, foldTag(tag)]));
}
