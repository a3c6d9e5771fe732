import { foldTag } from '@pinchwork/sdk/table';
import { storedTexts } from '../../ground/stored.ts';
import type { Reader } from '../../storage/database.ts';
import { fold } from '../search/fold.ts';
import { type Arrived, textsOfTask } from './queries.ts';
import type { Group, Waiters } from './waiters.ts';

/** The groups whose text is sought in a task in one turn of the event loop. */
const groupsPerTurn = 32;

/** The groups of waits whose filter lets a task through. */
export async function groupsWanting(reader: Reader, waiters: Waiters, task: Arrived): Promise<Group[]> {
  const groups = waiters.groupsFor(new Set(storedTexts(task.tags).map(foldTag)));
  const searching = groups.filter(({ filter }) => filter.part !== undefined);
  if (searching.length === 0) return groups;
  const texts = await reader.first(textsOfTask, { id: task.id });
  const folded = [texts?.need ?? '', texts?.context ?? ''].map(fold);
  const found = groups.filter(({ filter }) => filter.part === undefined);
  for (const [i, group] of searching.entries()) {
    const { part = '' } = group.filter;
    if (folded.some((text) => text.includes(part))) found.push(group);
    // A long text is sought for many filters, so others come in between.
    if (i % groupsPerTurn === groupsPerTurn - 1) await new Promise(setImmediate);
  }
  return found;
}
