import type { Reader } from '../db/database.ts';
import { tagParams } from '../tags.ts';
import type { Pace } from './pace.ts';
import { type BoardParams, type BoardRow, scanBoard, scanEnd } from './queries.ts';
import { type Needle, portions } from './texts.ts';

/** What an agent looks for on the board. */
export interface BoardFilter {
  /** All of these must be there. */
  readonly tags: readonly string[];
  /** Stands in need or context, folded (`search/fold.ts`). Never empty. */
  readonly part?: string | undefined;
}

export interface ScanFilter {
  readonly tags: readonly string[];
  readonly needle?: Needle | undefined;
}
export type TextFilter = ScanFilter & { readonly needle: Needle };

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

/** The first step looks at a few more tasks than are wanted, each further one at so many: about 2 ms. */
const spare = 60;
const stepSize = 2_000;
/** Where texts are looked through, at so many in the first step and in each further one. */
const textStepSize = 1_000;

/**
 * Looks for tasks that are open to an agent, oldest first, in bounded steps. With a text to look for, a step is a
 * portion of texts.
 *
 * @param from behind which the scan begins.
 * @param want how many tasks are wanted.
 */
export async function scan(
  reader: Reader,
  board: BoardParams,
  filter: ScanFilter,
  from: Age,
  want: number,
  pace: Pace,
): Promise<Scanned> {
  const { tags, needle } = filter;
  if (needle !== undefined) return scanTexts(reader, board, { tags, needle }, from, want, pace);
  const rows: BoardRow[] = [];
  let after = from;
  for (let examine = want + spare; await pace(); examine = stepSize) {
    const step = await scanStep(reader, board, tags, after, examine, want - rows.length);
    rows.push(...step.rows);
    if (rows.length >= want) return { rows, end: ageOf(rows.at(-1)!) };
    const end = await step.end();
    if (end === null) return { rows, end };
    after = end;
  }
  return { rows, end: after };
}

async function scanTexts(
  reader: Reader,
  board: BoardParams,
  { tags, needle }: TextFilter,
  from: Age,
  want: number,
  pace: Pace,
): Promise<Scanned> {
  const rows: BoardRow[] = [];
  let after = from;
  for (;;) {
    const step = await needle.once(after, () => scanStep(reader, board, tags, after, textStepSize, textStepSize));
    for (const portion of portions(step.rows)) {
      if (!(await pace())) return { rows, end: after };
      rows.push(...(await needle.among(reader, portion)));
      if (rows.length >= want) return { rows: rows.slice(0, want), end: ageOf(rows[want - 1]!) };
      after = ageOf(portion.at(-1)!);
    }
    const end = await step.end();
    if (end === null) return { rows, end };
    after = end;
    // Nothing to read in a whole step: it counts as one all the same.
    if (step.rows.length === 0 && !(await pace())) return { rows, end: after };
  }
}

export interface Step {
  readonly rows: BoardRow[];
  end(): Promise<Age | null>;
}

async function scanStep(
  reader: Reader,
  board: BoardParams,
  tags: readonly string[],
  after: Age,
  examine: number,
  limit: number,
): Promise<Step> {
  const start = { ...board, ...tagParams(tags), after_created_at: after.created_at, after_id: after.id };
  return {
    rows: await reader.all(scanBoard(tags.length), { ...start, examine, limit }),
    end: async () => (await reader.first(scanEnd(tags.length), { ...start, skip: examine - 1 })) ?? null,
  };
}

export const ageOf = ({ created_at, id }: Age): Age => ({ created_at, id });

export const isBehind = (a: Age, b: Age): boolean =>
  a.created_at === b.created_at ? a.id > b.id : a.created_at > b.created_at;
