import { expect, it } from 'vitest';
import { checkpointPages } from '../../src/storage/sqlite/file.ts';
import { type Pace, Rests } from '../../src/storage/sqlite/rests.ts';

/** A reader whose statements take 20 ms each, and what the log holds after each nap. */
function reading(naps: readonly number[], pages: number) {
  let now = 0;
  let left = [...naps];
  let log = pages;
  let napped = 0;
  const pace: Pace = {
    now: () => now,
    sleep: async (ms) => {
      now += ms;
      napped++;
      [log = log, ...left] = left;
    },
  };
  const rests = new Rests(() => log, pace);
  return async (statements: number) => {
    const before = napped;
    for (let i = 0; i < statements; i++) {
      await rests.due();
      now += 20;
    }
    return napped - before;
  };
}

const overdue = checkpointPages + 1;
const growing = (count: number) => Array.from({ length: count }, (_, i) => overdue + i + 1);

interface Case {
  readonly pages: number;
  /** The pages in the log after each nap. */
  readonly naps: readonly number[];
  readonly statements: number;
  readonly napped: number;
}

it.each<[rule: string, Case]>([
  ['never rests while the log is short', { pages: checkpointPages, naps: [], statements: 1_000, napped: 0 }],
  ['does not rest before it has read for 50 ms', { pages: overdue, naps: [10], statements: 3, napped: 0 }],
  ['rests until the log has begun anew', { pages: overdue, naps: [...growing(7), 10], statements: 4, napped: 8 }],
  ['rests for half a second at most', { pages: overdue, naps: growing(1_000), statements: 4, napped: 100 }],
  ['rests again after 50 ms more', { pages: overdue, naps: growing(1_000), statements: 7, napped: 200 }],
  ['goes on when nobody writes', { pages: overdue, naps: [], statements: 4, napped: 20 }],
])('a reader that takes long %s', async (_, { pages, naps, statements, napped }) => {
  expect(await reading(naps, pages)(statements)).toBe(napped);
});
