import { foldTag } from '@pinchwork/sdk/table';
import { at } from '../../ground/present.ts';
import type { Reader } from '../../storage/database.ts';
import { tagsOf } from '../tasks/view.ts';
import { countWithTag, newestTags } from './open-tasks.ts';

/** How many open tasks bear a tag. */
export interface TagCount {
  readonly tag: string;
  readonly count: number;
}

const mostTags = 8;
/** More are not counted. */
const countedWithTag = 10_000;

/** The tags that most of the newest open tasks bear, as these write them, with how many of all open tasks bear each. */
export async function readCommonTags(reader: Reader, now: number): Promise<readonly TagCount[]> {
  const rows = await reader.all(newestTags, { now });
  const names = new Map<string, { readonly name: string; readonly n: number }>();
  for (const name of rows.flatMap(tagsOf)) {
    const known = names.get(foldTag(name)) ?? { name, n: 0 };
    names.set(foldTag(name), { ...known, n: known.n + 1 });
  }
  const most = [...names].sort(([, a], [, b]) => b.n - a.n).slice(0, mostTags);
  const counts = await Promise.all(most.map(([tag]) => reader.one(countWithTag, { tag, limit: countedWithTag })));
  return most.map(([, { name }], i) => ({ tag: name, count: at(counts, i).total }));
}
