import type { BoardRow } from './queries.ts';
import { tagsOfRow } from './order.ts';
import { type Age, isBehind } from './scan.ts';

/**
 * How far an agent's window reached when it began to read: up to which age of all tasks, and of those of each window of
 * a tag (`tagWindows`). A reader takes it along in the cursor: tasks that slide into the window while it reads on have
 * not been shown to it, and those that were are not shown again.
 */
export interface Reach {
  readonly all: Age;
  readonly tags: readonly (Age | undefined)[];
}

/** The last of each window. */
export function reachOf(all: Age, rows: readonly (BoardRow & { in_window: number })[], capabilities: number): Reach {
  const tags: (Age | undefined)[] = new Array<undefined>(2 * capabilities).fill(undefined);
  for (const row of rows) {
    const last = tags[row.in_window];
    if (last === undefined || isBehind(row, last)) tags[row.in_window] = row;
  }
  return { all, tags };
}

export const isWithin = (age: Age, last: Age | undefined) => last !== undefined && !isBehind(age, last);

/** Whether a task behind the oldest of all was in the window of a tag. */
export function wasInWindow(row: BoardRow, { tags: windows }: Reach, capabilities: readonly string[]): boolean {
  const { tags, hints } = tagsOfRow(row);
  return capabilities.some(
    (tag, i) =>
      (tags.has(tag) && isWithin(row, windows[2 * i])) || (hints.has(tag) && isWithin(row, windows[2 * i + 1])),
  );
}

const ageText = (age: Age | undefined) => (age === undefined ? '' : `${age.created_at.toString(36)}.${age.id}`);

function readAge(text: string): Age | undefined {
  const [, created, id] = /^(-?[0-9a-z]{1,9})\.([0-9A-Za-z-]*)$/.exec(text) ?? [];
  return created === undefined || id === undefined ? undefined : { created_at: parseInt(created, 36), id };
}

/** For the cursor. */
export const reachText = ({ all, tags }: Reach): string => [all, ...tags].map(ageText).join();

/** @returns undefined for a text that says of another number of tags: then nothing is known to have been shown. */
export function readReach(text: string, capabilities: number): Reach | undefined {
  const [all, ...tags] = text.split(',').map(readAge);
  return all === undefined || tags.length !== 2 * capabilities ? undefined : { all, tags };
}
