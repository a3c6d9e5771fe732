import type { Reader } from '../db/database.ts';
import { tagParams } from '../tags.ts';
import { type BoardParams, type BoardRow, scanBoard, scanEnd } from './queries.ts';

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

export interface Scanned {
  readonly rows: BoardRow[];
  /** Where the scan ended; null: at the end of the board. */
  readonly end: Age | null;
}

/** Says before each step whether there is time for it. */
export type Pace = () => Promise<boolean>;

/** The first step looks at a few more tasks than are wanted, each further one at so many: about 2 ms. */
const spare = 60;
const stepSize = 2_000;

/**
 * Looks for tasks that are open to an agent, oldest first, in bounded steps.
 *
 * @param from behind which the scan begins.
 * @param want how many tasks are wanted.
 */
export async function scan(
  reader: Reader,
  board: BoardParams,
  { tags }: BoardFilter,
  from: Age,
  want: number,
  pace: Pace,
): Promise<Scanned> {
  const rows: BoardRow[] = [];
  let after = from;
  for (let examine = want + spare; await pace(); examine = stepSize) {
    const start = { ...board, ...tagParams(tags), after_created_at: after.created_at, after_id: after.id };
    const limit = want - rows.length;
    const found = await reader.all(scanBoard(tags.length), { ...start, examine, limit });
    rows.push(...found);
    if (rows.length >= want) return { rows, end: ageOf(rows.at(-1)!) };
    const end = await reader.first(scanEnd(tags.length), { ...start, skip: examine - 1 });
    if (end === undefined) return { rows, end: null };
    after = ageOf(end);
  }
  return { rows, end: after };
}

const ageOf = ({ created_at, id }: Age): Age => ({ created_at, id });

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
