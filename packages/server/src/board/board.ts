import { limits } from '@pinchwork/sdk';
import type { Reader } from '../db/database.ts';
import { countLimit } from '../paging.ts';
import { tagParams } from '../tags.ts';
import { comparePlaces, type Place, ranked } from './order.ts';
import * as queries from './queries.ts';
import type { BoardParams, BoardRow } from './queries.ts';
import { type Age, type BoardFilter, oldest, type Pace, type RankedAge, scan, scanMatched, stepSize } from './scan.ts';

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

/** Where a page begins: behind a task in one of the three parts. */
export type Position = readonly [part: number, a: number, b: number, c: number, createdAt: number, id: string];

const part = { matched: 0, window: 1, rest: 2 } as const;

export const start: Position = [part.matched, -1, 0, 0, -1, ''];

/** A page that begins here begins with this very task, or in the window with all of it. */
export function justBefore({ position: [where, rank, , , createdAt] }: Listed): Position {
  if (where === part.window) return [part.window, Number.MAX_SAFE_INTEGER, 0, 0, -1, ''];
  return [where, rank, 0, 0, createdAt, ''];
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

export interface PageOf {
  readonly from: Position;
  readonly offset: number;
  readonly limit: number;
}

/** An agent's board, read by one reader at one moment. */
export class Board {
  readonly #reader: Reader;
  readonly #board: BoardParams;
  readonly #filter: BoardFilter;
  readonly #pace: Pace;

  constructor(reader: Reader, agentId: string, now: number, filter: BoardFilter, pace: Pace) {
    this.#reader = reader;
    this.#board = { agent: agentId, now };
    this.#filter = filter;
    this.#pace = pace;
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
    const window = capabilities.size === 0 ? undefined : await this.#window(capabilities);
    if (window !== undefined && from[0] !== part.rest) {
      const after = from[0] === part.window ? placeAt(from) : undefined;
      take(
        window.tasks
          .filter(({ place }) => after === undefined || comparePlaces(after, place) < 0)
          .map(({ row, place }) => ({ id: row.id, rank: null, position: [part.window, ...place] })),
      );
    }
    if (tasks.length >= limit) return { tasks, cut: null };
    const shown = new Set(window?.tasks.map(({ row }) => row.id));
    const behind =
      from[0] === part.rest ? { created_at: from[4], id: from[5] } : window === undefined ? oldest : window.end;
    if (behind === null) return { tasks, cut: null };
    return this.#rest(tasks, behind, shown, skip, limit);
  }

  /** @returns where the search was given up; null when there is no more, or enough. */
  async #matched(
    from: Position,
    missing: () => number,
    take: (listed: readonly Listed[]) => void,
  ): Promise<Position | null> {
    let place = { rank: from[1], created_at: from[4], id: from[5] };
    for (;;) {
      const want = Math.min(missing(), stepSize);
      const { rows, end } = await scanMatched(this.#reader, this.#board, this.#filter, place, want, this.#pace);
      take(rows.map((row) => ({ id: row.id, rank: row.rank, position: placeAmongMatched(row) })));
      if (end === null || missing() <= 0) return null;
      if (rows.length < want) return placeAmongMatched(end);
      place = end;
    }
  }

  async #capabilities(): Promise<ReadonlySet<string>> {
    const { agent } = this.#board;
    const rows = await this.#reader.all(queries.capabilitiesOf, { agent, limit: limits.extractedTags });
    return new Set(rows.map(({ tag }) => tag));
  }

  /** With a filter, the window is the oldest tasks that pass it. */
  async #window(
    capabilities: ReadonlySet<string>,
  ): Promise<{ tasks: { row: BoardRow; place: Place }[]; end: Age | null }> {
    const { rows, end } = await this.#scan(oldest, windowOfAll);
    const ofTags =
      this.#filter.tags.length > 0
        ? []
        : await this.#reader.all(queries.tagWindows(capabilities.size), {
            ...this.#board,
            ...tagParams([...capabilities]),
            examine: windowPerTag,
          });
    const all = new Map([...rows, ...ofTags].map((row) => [row.id, row]));
    return { tasks: ranked([...all.values()], capabilities), end };
  }

  async #rest(tasks: Listed[], behind: Age, shown: ReadonlySet<string>, offset: number, limit: number): Promise<Page> {
    let skip = offset;
    let from = behind;
    for (;;) {
      const want = Math.min(skip + limit - tasks.length + shown.size, stepSize);
      const { rows, end } = await this.#scan(from, want);
      for (const { id, created_at } of rows) {
        if (shown.has(id)) continue;
        if (skip > 0) skip--;
        else if (tasks.length < limit) {
          tasks.push({ id, rank: null, position: [part.rest, 0, 0, 0, created_at, id] });
        }
      }
      if (tasks.length >= limit || end === null) return { tasks, cut: null };
      from = end;
      if (rows.length < want) return { tasks, cut: [part.rest, 0, 0, 0, from.created_at, from.id] };
    }
  }

  #scan(from: Age, want: number) {
    return scan(this.#reader, this.#board, this.#filter, from, want, this.#pace);
  }

  /** How many tasks the agent may pick up, counted up to a bound; and whether there may be more. */
  async count(): Promise<{ total: number; isCapped: boolean }> {
    const { tags } = this.#filter;
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
}

const placeAmongMatched = ({ rank, created_at, id }: RankedAge): Position => [part.matched, rank, 0, 0, created_at, id];

const placeAt = ([, overlap, reputation, trust, createdAt, id]: Position): Place => [
  overlap,
  reputation,
  trust,
  createdAt,
  id,
];
