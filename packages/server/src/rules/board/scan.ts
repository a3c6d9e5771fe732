import { at } from '../../ground/present.ts';
import type { SetBack } from '../agents/given-up.ts';
import type { Reader } from '../../storage/database.ts';
import { fitted, type Prepared } from '../../storage/prepared.ts';
import { tagParams } from '../../storage/tags.ts';
import { offered } from '../tasks/offers.ts';
import type { Pace } from '../search/pace.ts';
import type { BoardParams } from './fragments.ts';
import {
  type BoardRow,
  idShapes,
  type MatchedRow,
  matchedEnd,
  matchedTasks,
  sortKeysOf,
  scanBoard,
  scanEnd,
  type ScanParams,
  scanWithSortKeys,
  type Shape,
} from './queries.ts';
import { type Needle, portions, type TaskRef } from '../search/texts.ts';

/** The filter of a request. */
export interface BoardFilter {
  /** A task must have all of these, folded. */
  readonly tags: readonly string[];
  /** A text that need or context must contain, folded (`rules/search/fold.ts`). Never empty. */
  readonly part?: string | undefined;
  /** What the agent has given up lately. */
  readonly setBack?: SetBack;
}

export interface ScanFilter {
  readonly tags: readonly string[];
  readonly needle?: Needle | undefined;
}

export type TextFilter = ScanFilter & { readonly needle: Needle };

/** A task's sort key by age. Later tasks are younger; the id orders tasks of the same millisecond. */
export interface Age {
  readonly created_at: number;
  readonly id: string;
}

export const oldest: Age = { created_at: -1, id: '' };

/** A task's sort key among the matched tasks of an agent. */
export interface RankedAge extends Age {
  readonly rank: number;
}

/** Before all ranks, also that of agents that a poster has chosen. */
export const bestRank: RankedAge = { rank: offered - 1, ...oldest };

export interface Scanned<R = TaskRef, P = Age> {
  readonly rows: R[];
  /** The sort key where the scan stopped; null if the board has ended. */
  readonly end: P | null;
}

/** The first step examines a few more tasks than are wanted: 70 for a page of the usual size, 160 for the largest. */
const firstSteps = [70, 160, 1_000] as const;
const leastSpare = 40;
/** The number of tasks that each further step examines, in about 2 ms. */
export const stepSize = 2_000;
/** The number of tasks that a step examines when it reads texts. */
const textStepSize = 1_000;

/** One agent's board at one moment, the filter, and the reader. */
export interface Look {
  readonly reader: Reader;
  readonly board: BoardParams;
  readonly filter: ScanFilter;
}

/**
 * Finds tasks that are open to an agent, oldest first, in bounded steps. With a text to find, a step is a portion of
 * texts.
 *
 * @param from the sort key after which the scan begins.
 * @param want maximum number of tasks returned.
 * @param pace decides before each step whether the scan continues.
 */
export function scan(look: Look, from: Age, want: number, pace: Pace): Promise<Scanned> {
  const { reader, filter } = look;
  const { needle } = filter;
  const steps = byAge(scanBoard, look);
  if (needle === undefined) return walk(from, want, pace, steps);
  return walkTexts({ reader, needle, pace }, from, want, {
    ...steps,
    read: (key, examine, limit) => needle.once(`${key.created_at}/${key.id}`, () => steps.read(key, examine, limit)),
  });
}

/** The same as `scan`, with the values that decide the order of the tasks. The rows are in no particular order. */
export async function scanForOrder(look: Look, from: Age, want: number, pace: Pace): Promise<Scanned<BoardRow>> {
  const { reader, board, filter } = look;
  if (filter.needle === undefined) return walk(from, want, pace, byAge(scanWithSortKeys, look));
  // A search examines far more tasks than it finds, so the sort keys are read only for those found.
  const { rows, end } = await scan(look, from, want, pace);
  if (rows.length === 0) return { rows: [], end };
  const ids = rows.map(({ id }) => id);
  const { size, params } = fitted(idShapes, 'id', ids);
  return { rows: await reader.all(sortKeysOf(size), { ...board, ...params }), end };
}

function byAge<R extends TaskRef>(
  query: (shape: Shape) => Prepared<ScanParams, R>,
  { reader, board, filter: { tags } }: Look,
): Walk<Age, R> {
  const after = ({ created_at, id }: Age) => ({
    ...board,
    ...tagParams(tags),
    after_created_at: created_at,
    after_id: id,
  });
  return {
    read: (key, examine, limit) => reader.all(query(`${tags.length}/${examine}`), { ...after(key), limit }),
    endOf: (key, examine) => reader.first(scanEnd(`${tags.length}/${examine}`), after(key)),
    ageOf,
  };
}

/** Finds the open tasks that the agent was matched to, best rank first. */
export function scanMatched(
  { reader, board, filter: { tags, needle } }: Look,
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
  const steps: Walk<RankedAge, MatchedRow> = {
    read: (key, examine, limit) => reader.all(matchedTasks(`${tags.length}/${examine}`), { ...after(key), limit }),
    endOf: (key, examine) => reader.first(matchedEnd(examine), after(key)),
    ageOf: ({ rank, created_at, id }) => ({ rank, created_at, id }),
  };
  return needle === undefined ? walk(from, want, pace, steps) : walkTexts({ reader, needle, pace }, from, want, steps);
}

interface Walk<P, R> {
  /** At most `limit` open tasks among the next `examine` tasks after a sort key. */
  read(key: P, examine: number, limit: number): Promise<R[]>;
  /** The sort key of the last of these tasks; undefined if there are fewer than `examine`. */
  endOf(key: P, examine: number): Promise<P | undefined>;
  ageOf(row: R): P;
}

async function walk<P, R extends P>(
  from: P,
  want: number,
  pace: Pace,
  { read, endOf, ageOf: keyOf }: Walk<P, R>,
): Promise<Scanned<R, P>> {
  const rows: R[] = [];
  let after = from;
  // At least one step, even if the time is already up: else a page on a busy machine would stay empty.
  let examine: number = firstSteps.find((size) => size >= want + leastSpare) ?? stepSize;
  for (; after === from || (await pace()); examine = stepSize) {
    const [found, end] = await Promise.all([read(after, examine, want - rows.length), endOf(after, examine)]);
    rows.push(...found);
    if (rows.length >= want) return { rows, end: keyOf(at(rows, -1)) };
    if (end === undefined) return { rows, end: null };
    after = end;
  }
  return { rows, end: after };
}

async function walkTexts<P, R extends P & TaskRef>(
  { reader, needle, pace }: { reader: Reader; needle: Needle; pace: Pace },
  from: P,
  want: number,
  { read, endOf, ageOf: keyOf }: Walk<P, R>,
): Promise<Scanned<R, P>> {
  const rows: R[] = [];
  let after = from;
  while (await pace()) {
    const begin = after;
    const found = await read(begin, textStepSize, textStepSize);
    let isFirst = true;
    for (const portion of portions(found)) {
      if (!isFirst && !(await pace())) return { rows, end: after };
      isFirst = false;
      rows.push(...(await needle.among(reader, portion)));
      if (rows.length >= want) return { rows: rows.slice(0, want), end: keyOf(at(rows, want - 1)) };
      after = keyOf(at(portion, -1));
    }
    const end = await endOf(begin, textStepSize);
    if (end === undefined) return { rows, end: null };
    after = end;
  }
  return { rows, end: after };
}

export const ageOf = ({ created_at, id }: Age): Age => ({ created_at, id });

export const isBehind = (a: Age, b: Age): boolean =>
  a.created_at === b.created_at ? a.id > b.id : a.created_at > b.created_at;
