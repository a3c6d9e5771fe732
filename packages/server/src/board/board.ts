import { limits } from '@pinchwork/sdk';
import type { Database, Reader } from '../db/database.ts';
import { DomainError } from '../errors.ts';
import { countLimit } from '../paging.ts';
import { tagParams } from '../tags.ts';
import { comparePlaces, type Place, ranked } from './order.ts';
import { isWithin, type Reach, reachOf, reachText, readReach, wasInWindow } from './reach.ts';
import * as queries from './queries.ts';
import type { Pace, Pacing } from './pace.ts';
import type { BoardParams, BoardRow } from './queries.ts';
import {
  type Age,
  bestRank,
  type BoardFilter,
  oldest,
  type RankedAge,
  scan,
  scanMatched,
  type Scanned,
  type ScanFilter,
  stepSize,
} from './scan.ts';
import type { Lookup } from './search.ts';
import { Needle } from './texts.ts';

/**
 * The board as one agent sees it (contract section 6): the tasks that it was chosen for, by rank; then a window of
 * everyone's, in its personal order; behind the window the rest, oldest first. Browsing and picking up both read it here.
 *
 * The window holds the oldest tasks of each of the agent's capabilities and the oldest of all, so that a page costs the
 * same on a board of a thousand tasks and of a million (1.3 ms). An agent without capabilities has no order of its own:
 * everyone's tasks are then oldest first.
 */
const windowPerTag = 60;
const windowOfAll = 100;
/** How many tasks are looked at to count those that are open. */
const countedReach = 5_000;
/** What looks texts up, where the database does long jobs; and how long it may in any case, on however busy a machine. */
const lookUpJob = new URL('./search.ts', import.meta.url);
const leastApartMs = 30;

/**
 * Where a page begins: behind a task in one of the three parts, and behind the first with how far the window reached
 * when reading began.
 */
export type Position = readonly [
  part: number,
  a: number,
  b: number,
  c: number,
  createdAt: number,
  id: string,
  reach: string,
];

const part = { matched: 0, window: 1, rest: 2 } as const;

export const start: Position = [part.matched, -1, 0, 0, -1, '', ''];

/** A page that begins here begins with this very task, or in the window with all of it. */
export function justBefore({ position: [where, rank, , , createdAt, , reach] }: Listed): Position {
  if (where === part.window) return [part.window, Number.MAX_SAFE_INTEGER, 0, 0, -1, '', reach];
  return [where, rank, 0, 0, createdAt, '', reach];
}

export interface Listed {
  readonly id: string;
  /** The agent's rank among the chosen; null when it is one of everyone's. */
  readonly rank: number | null;
  /** A page that begins here begins behind this task. */
  readonly position: Position;
}

export interface Page {
  readonly tasks: Listed[];
  /** Where the search for more was given up; null: there is no more. */
  readonly cut: Position | null;
}

interface RestOf {
  /** What has been found so far, and how many of those behind it are to be left out. */
  readonly tasks: Listed[];
  readonly skip: number;
  readonly limit: number;
  readonly capabilities: readonly string[];
  readonly reach: Reach | undefined;
}

export interface PageOf {
  readonly from: Position;
  readonly offset: number;
  readonly limit: number;
}

/** A database, or a transaction in it: there nothing is looked up apart. */
type BoardReader = Reader & Partial<Pick<Database, 'runApart'>>;

/** An agent's board, read by one reader at one moment. */
export class Board {
  readonly #reader: BoardReader;
  readonly #board: BoardParams;
  readonly #filter: ScanFilter;
  readonly #pacing: Pacing;
  /** Whether a search has looked through its first few tasks, and may go on apart. */
  #hasLooked = false;

  constructor(reader: BoardReader, agentId: string, now: number, filter: BoardFilter, pacing: Pacing) {
    this.#reader = reader;
    this.#board = { agent: agentId, now };
    const { tags, part } = filter;
    this.#filter = { tags, needle: part === undefined ? undefined : new Needle(part) };
    this.#pacing = pacing;
  }

  /** Reads `limit` tasks from a position on, without the first `offset`. */
  async page({ from, offset, limit }: PageOf): Promise<Page> {
    const tasks: Listed[] = [];
    let skip = offset;
    const take = (listed: readonly Listed[]) => {
      tasks.push(...listed.slice(skip, skip + limit - tasks.length));
      skip = Math.max(0, skip - listed.length);
    };
    if (from[0] === part.matched) {
      const cut = await this.#matched(from, () => skip + limit - tasks.length, take);
      if (cut !== null) return { tasks, cut };
    }
    if (tasks.length >= limit) return { tasks, cut: null };
    const capabilities = await this.#capabilities();
    const reach = readReach(from[6], capabilities.length);
    if (from[0] === part.rest) {
      return this.#rest({ created_at: from[4], id: from[5] }, { tasks, skip, limit, capabilities, reach });
    }
    if (capabilities.length === 0) return this.#rest(oldest, { tasks, skip, limit, capabilities, reach });
    const window = await this.#window(capabilities, reach);
    const after = from[0] === part.window ? placeAt(from) : undefined;
    const text = reachText(window.reach);
    take(
      window.tasks
        .filter(({ place }) => after === undefined || comparePlaces(after, place) < 0)
        .map(({ row, place }) => ({ id: row.id, rank: null, position: [part.window, ...place, text] })),
    );
    if (tasks.length >= limit || window.isAll) return { tasks, cut: null };
    return this.#rest(window.reach.all, { tasks, skip, limit, capabilities, reach: window.reach });
  }

  /** @returns where the search was given up; null when there is no more, or enough. */
  async #matched(
    from: Position,
    missing: () => number,
    take: (listed: readonly Listed[]) => void,
  ): Promise<Position | null> {
    const pace = this.#windowPace();
    let place: RankedAge = { rank: from[1], created_at: from[4], id: from[5] };
    for (;;) {
      const want = Math.min(missing(), stepSize);
      const { rows, end } = await scanMatched(this.#reader, this.#board, this.#filter, place, want, pace);
      take(rows.map((row) => ({ id: row.id, rank: row.rank, position: placeAmongMatched(row) })));
      if (end === null || missing() <= 0) return null;
      if (rows.length < want) return placeAmongMatched(end);
      place = end;
    }
  }

  /** Texts are looked through in the same few steps whoever looks. */
  #windowPace(): Pace {
    return this.#filter.needle === undefined ? this.#pacing.rest : this.#pacing.window();
  }

  async #capabilities(): Promise<readonly string[]> {
    const { agent } = this.#board;
    const rows = await this.#reader.all(queries.capabilitiesOf, { agent, limit: limits.extractedTags });
    return rows.map(({ tag }) => tag);
  }

  /**
   * With a filter, the window is the oldest tasks that pass it.
   *
   * @param known how far it reached when the reader began; it may have lost tasks since, but has taken in no others.
   */
  async #window(
    capabilities: readonly string[],
    known: Reach | undefined,
  ): Promise<{ tasks: { row: BoardRow; place: Place }[]; reach: Reach; isAll: boolean }> {
    const { tags, needle } = this.#filter;
    const { rows: found, end } = await this.#scan(oldest, windowOfAll, this.#windowPace());
    this.#hasLooked = true;
    const ofTags =
      tags.length > 0 || needle !== undefined
        ? []
        : await this.#reader.all(queries.tagWindows(capabilities.length), {
            ...this.#board,
            ...tagParams(capabilities),
            // A task that has come back since may stand before those that were in it.
            examine: known === undefined ? windowPerTag : 2 * windowPerTag,
          });
    const reach = known ?? reachOf(end ?? found.at(-1) ?? oldest, ofTags, capabilities.length);
    const within = [
      ...found.filter((row) => isWithin(row, reach.all)),
      ...ofTags.filter((row) => isWithin(row, reach.tags[row.in_window])),
    ];
    const rows = [...new Map(within.map((row) => [row.id, row])).values()];
    return { tasks: ranked(rows, capabilities), reach, isAll: known === undefined && end === null };
  }

  /** Everyone's tasks by age, without those of the agent's tags that were in the window, which may be younger. */
  async #rest(behind: Age, { tasks, skip, limit, capabilities, reach }: RestOf): Promise<Page> {
    const text = reach === undefined ? '' : reachText(reach);
    let from = behind;
    let offset = skip;
    for (;;) {
      const want = Math.min(offset + limit - tasks.length + (reach === undefined ? 0 : windowOfAll), stepSize);
      const { rows, end } = await this.#find(from, want);
      for (const row of rows) {
        if (reach !== undefined && wasInWindow(row, reach, capabilities)) continue;
        if (offset > 0) offset--;
        else if (tasks.length < limit) {
          tasks.push({ id: row.id, rank: null, position: [part.rest, 0, 0, 0, row.created_at, row.id, text] });
        }
      }
      if (tasks.length >= limit || end === null) return { tasks, cut: null };
      from = end;
      if (rows.length < want) return { tasks, cut: [part.rest, 0, 0, 0, from.created_at, from.id, text] };
    }
  }

  /** The next tasks by age. A text is looked up apart where it is not among the first thousand. */
  async #find(from: Age, want: number): Promise<Scanned> {
    const { until, rest } = this.#pacing;
    const { needle, tags } = this.#filter;
    if (needle === undefined || until === undefined || this.#reader.runApart === undefined) {
      return this.#scan(from, want, rest);
    }
    const near = this.#hasLooked ? { rows: [], end: from } : await this.#scan(from, want, this.#pacing.window());
    this.#hasLooked = true;
    if (near.rows.length >= want || near.end === null) return near;
    const budgetMs = Math.max(leastApartMs, until - performance.now());
    const sought = { board: this.#board, tags, part: needle.part, from: near.end, want: want - near.rows.length };
    const far = await this.#reader
      .runApart<Lookup, Scanned>(lookUpJob, { ...sought, budgetMs }, 'short')
      .catch(ifOverloaded);
    return far === undefined ? near : { rows: [...near.rows, ...far.rows], end: far.end };
  }

  #scan(from: Age, want: number, pace: Pace) {
    return scan(this.#reader, this.#board, this.#filter, from, want, pace);
  }

  /** How many tasks the agent may pick up, counted up to a bound; and whether there may be more. */
  async count(): Promise<{ total: number; isCapped: boolean }> {
    const { tags, needle } = this.#filter;
    if (needle !== undefined) return this.#countWithText();
    const params = {
      ...this.#board,
      ...tagParams(tags),
      after_rank: -1,
      after_created_at: oldest.created_at,
      after_id: oldest.id,
      examine: countedReach,
      limit: countLimit,
    };
    const matched = (await this.#reader.first(queries.countMatched(tags.length), params))!.total;
    const limit = countLimit - matched;
    const everyones =
      limit === 0 ? 0 : (await this.#reader.first(queries.countBoard(tags.length), { ...params, limit }))!.total;
    const total = matched + everyones;
    const isShort = total < countLimit;
    const end =
      isShort && (await this.#reader.first(queries.scanEnd(tags.length), { ...params, skip: countedReach - 1 }));
    return { total, isCapped: !isShort || end !== undefined };
  }

  /** With a text to look for, in the first few thousand tasks. */
  async #countWithText(): Promise<{ total: number; isCapped: boolean }> {
    const { window } = this.#pacing;
    const matched = await scanMatched(this.#reader, this.#board, this.#filter, bestRank, countLimit, window());
    const everyones = await this.#scan(oldest, countLimit, window());
    const total = matched.rows.length + everyones.rows.length;
    return { total, isCapped: total >= countLimit || matched.end !== null || everyones.end !== null };
  }
}

/** When too many look texts up at once, what was found near by is the answer, as when the time is up. */
function ifOverloaded(error: unknown): undefined {
  if (!(error instanceof DomainError && error.code === 'overloaded')) throw error;
}

const placeAmongMatched = ({ rank, created_at, id }: RankedAge): Position => [
  part.matched,
  rank,
  0,
  0,
  created_at,
  id,
  '',
];

const placeAt = ([, overlap, reputation, trust, createdAt, id]: Position): Place => [
  overlap,
  reputation,
  trust,
  createdAt,
  id,
];
