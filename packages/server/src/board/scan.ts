import type { Reader } from '../db/database.ts';
import { tagParams } from '../tags.ts';
import {
  type BoardParams,
  type BoardRow,
  type MatchedRow,
  matchedEnd,
  matchedTasks,
  scanBoard,
  scanEnd,
} from './queries.ts';

/** What an agent looks for on the board. */
export interface BoardFilter {
  /** All of these must be there. */
  readonly tags: readonly string[];
}

/** A task's place by age: what lies behind it is younger. */
export interface Age {
  readonly created_at: number;
  readonly id: string;
}

export const oldest: Age = { created_at: -1, id: '' };

/** A task's place among those that an agent was chosen for. */
export interface RankedAge extends Age {
  readonly rank: number;
}

export interface Scanned<R, P> {
  readonly rows: R[];
  /** Where the scan ended; null: there is no more. */
  readonly end: P | null;
}

/** Says before each step whether there is time for it. */
export type Pace = () => Promise<boolean>;

/** The first step looks at a few more tasks than are wanted, each further one at so many: about 2 ms. */
const spare = 60;
export const stepSize = 2_000;

/**
 * Looks for tasks that are open to an agent, oldest first, in bounded steps.
 *
 * @param from behind which the scan begins.
 * @param want how many tasks are wanted.
 */
export function scan(
  reader: Reader,
  board: BoardParams,
  { tags }: BoardFilter,
  from: Age,
  want: number,
  pace: Pace,
): Promise<Scanned<BoardRow, Age>> {
  const after = ({ created_at, id }: Age) => ({
    ...board,
    ...tagParams(tags),
    after_created_at: created_at,
    after_id: id,
  });
  return walk(from, want, pace, {
    read: (place, examine, limit) => reader.all(scanBoard(tags.length), { ...after(place), examine, limit }),
    endOf: (place, skip) => reader.first(scanEnd(tags.length), { ...after(place), skip }),
  });
}

/** Looks for those that the agent was chosen for, best rank first. */
export function scanMatched(
  reader: Reader,
  board: BoardParams,
  { tags }: BoardFilter,
  from: RankedAge,
  want: number,
  pace: Pace,
): Promise<Scanned<MatchedRow, RankedAge>> {
  const after = ({ rank, created_at, id }: RankedAge) => ({
    ...board,
    ...tagParams(tags),
    after_rank: rank,
    after_created_at: created_at,
    after_id: id,
  });
  return walk(from, want, pace, {
    read: (place, examine, limit) => reader.all(matchedTasks(tags.length), { ...after(place), examine, limit }),
    endOf: (place, skip) => reader.first(matchedEnd, { ...after(place), skip }),
  });
}

interface Walk<P, R> {
  /** Of the next `examine` tasks behind a place, up to `limit` that are open. */
  read(place: P, examine: number, limit: number): Promise<R[]>;
  /** The place of the task that lies `skip` tasks further; none when there are fewer. */
  endOf(place: P, skip: number): Promise<P | undefined>;
}

async function walk<P, R extends P>(
  from: P,
  want: number,
  pace: Pace,
  { read, endOf }: Walk<P, R>,
): Promise<Scanned<R, P>> {
  const rows: R[] = [];
  let after = from;
  for (let examine = want + spare; await pace(); examine = stepSize) {
    const [found, end] = await Promise.all([read(after, examine, want - rows.length), endOf(after, examine - 1)]);
    rows.push(...found);
    if (rows.length >= want) return { rows, end: rows.at(-1)! };
    if (end === undefined) return { rows, end: null };
    after = end;
  }
  return { rows, end: after };
}

/** So many steps at once: within a transaction, which holds up all others. */
export function steps(count: number): Pace {
  let left = count;
  return async () => left-- > 0;
}

/** Steps for so long, with everybody else's requests in between. */
export function unhurried(budgetMs: number): Pace {
  const until = performance.now() + budgetMs;
  let isFirst = true;
  return async () => {
    if (isFirst) {
      isFirst = false;
      return true;
    }
    await new Promise(setImmediate);
    return performance.now() < until;
  };
}
