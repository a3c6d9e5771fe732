import { limits } from '@pinchwork/sdk';
import type { Database, Reader } from '../../storage/database.ts';
import { DomainError } from '../../ground/errors.ts';
import { countLimit } from '../../ground/paging.ts';
import { tagParams } from '../../storage/tags.ts';
import { ranked } from './order.ts';
import type { Pace, Pacing } from '../search/pace.ts';
import { type AmongMatched, type InRest, type Position, rankedTasks } from './position.ts';
import * as queries from './queries.ts';
import type { BoardParams, BoardRow } from './queries.ts';
import {
  type Age,
  ageOf,
  bestRank,
  type Look,
  type BoardFilter,
  oldest,
  type RankedAge,
  scan,
  scanMatched,
  scanWithPlaces,
  type Scanned,
  type ScanFilter,
  stepSize,
} from './scan.ts';
import type { Lookup } from './look-up-job.ts';
import { Needle } from '../search/texts.ts';

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
const lookUpJob = new URL('./look-up-job.ts', import.meta.url);
const leastApartMs = 30;

/** A page that begins here begins with this very task, or in the window with all of it. */
export function justBefore({ position }: Listed): Position {
  return position.part === 'window' ? { part: 'window', shown: [] } : { ...position, id: '' };
}

interface Listed {
  readonly id: string;
  /** The agent's rank among the chosen; null when it is one of everyone's. */
  readonly rank: number | null;
  /** A page that begins here begins behind this task. */
  readonly position: Position;
}

/** The tasks of a part one by one, no more than are asked for; then where it goes on, null: nowhere. */
type Part<End extends Position> = AsyncGenerator<Listed, End | null>;

interface Page {
  readonly tasks: Listed[];
  /** How many tasks were met: those that were passed over, then those of the page. */
  readonly met: number;
  /** Where the search for more was given up; null: there is no more. */
  readonly cut: Position | null;
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
  readonly #look: Look;
  readonly #pacing: Pacing;
  /** Whether a search has looked through its first few tasks, and may go on apart. */
  #hasLooked = false;

  constructor(reader: BoardReader, board: BoardParams, filter: BoardFilter, pacing: Pacing) {
    this.#reader = reader;
    this.#board = board;
    const { tags, part } = filter;
    this.#filter = { tags, needle: part === undefined ? undefined : new Needle(part) };
    this.#look = { reader, board: this.#board, filter: this.#filter };
    this.#pacing = pacing;
  }

  /** Reads `limit` tasks from a position on, without the first `offset`. */
  async page({ from, offset, limit }: PageOf): Promise<Page> {
    const tasks: Listed[] = [];
    let met = 0;
    const board = this.#from(from, () => offset + limit - met);
    for (;;) {
      const { value, done } = await board.next();
      if (done === true) return { tasks, met, cut: value };
      if (met++ >= offset) tasks.push(value);
      if (tasks.length === limit) return { tasks, met, cut: null };
    }
  }

  /**
   * All parts, one behind the other.
   *
   * @param missing how many tasks are still wanted.
   * @returns where the search was given up; null when there is no more.
   */
  async *#from(from: Position, missing: () => number): Part<Position> {
    if (from.part === 'matched') {
      const cut = yield* this.#matched(from, missing);
      if (cut !== null) return cut;
    }
    const behind = from.part === 'rest' ? from : yield* this.#window(from.part === 'window' ? from.shown : []);
    return behind === null ? null : yield* this.#rest(behind, missing);
  }

  async *#matched(from: RankedAge, missing: () => number): Part<AmongMatched> {
    const pace = this.#windowPace();
    const positionOf = ({ rank, created_at, id }: RankedAge): AmongMatched => ({
      part: 'matched',
      ...{ rank, created_at, id },
    });
    let place = from;
    for (;;) {
      const want = Math.min(missing(), stepSize);
      const { rows, end } = await scanMatched(this.#look, place, want, pace);
      for (const row of rows) yield { id: row.id, rank: row.rank, position: positionOf(row) };
      if (end === null) return null;
      if (rows.length < want) return positionOf(end);
      place = end;
    }
  }

  /** Texts are looked through in the same few steps whoever looks. */
  #windowPace(): Pace {
    return this.#filter.needle === undefined ? this.#pacing.rest : this.#pacing.window();
  }

  async #capabilities(): Promise<ReadonlySet<string>> {
    const { agent } = this.#board;
    const rows = await this.#reader.all(queries.capabilitiesOf, { agent, limit: limits.extractedTags });
    return new Set(rows.map(({ tag }) => tag));
  }

  /** The best of the window that have not been shown. With a filter, the window is the oldest tasks that pass it. */
  async *#window(before: readonly string[]): Part<InRest> {
    const capabilities = await this.#capabilities();
    if (capabilities.size === 0) return { part: 'rest', ...oldest, shown: before };
    const { rows, end } = await scanWithPlaces(this.#look, oldest, windowOfAll, this.#windowPace());
    this.#hasLooked = true;
    const all = new Map([...rows, ...(await this.#ofTags(capabilities))].map((row) => [row.id, row]));
    for (const id of before) all.delete(id);
    const shown = [...before];
    const order = ranked([...all.values()], capabilities);
    const left = order.splice(rankedTasks - shown.length);
    for (const { id } of order) {
      shown.push(id);
      yield { id, rank: null, position: { part: 'window', shown: [...shown] } };
    }
    const near = new Set(rows.map(({ id }) => id));
    if (left.some(({ id }) => near.has(id))) return { part: 'rest', ...oldest, shown };
    return end === null ? null : { part: 'rest', ...end, shown: shown.filter((id) => !near.has(id)) };
  }

  /** The oldest tasks of each capability. */
  async #ofTags(capabilities: ReadonlySet<string>): Promise<BoardRow[]> {
    const { tags, needle } = this.#filter;
    if (tags.length > 0 || needle !== undefined) return [];
    const params = { ...this.#board, ...tagParams([...capabilities]) };
    return this.#reader.all(queries.tagWindows(`${capabilities.size}/${windowPerTag}`), params);
  }

  async *#rest({ created_at, id, shown }: InRest, missing: () => number): Part<InRest> {
    const ahead = new Set(shown);
    const positionOf = (age: Age): InRest => ({ part: 'rest', ...ageOf(age), shown: [...ahead] });
    let from: Age = { created_at, id };
    for (;;) {
      const want = Math.min(missing() + ahead.size, stepSize);
      const { rows, end } = await this.#find(from, want);
      for (const row of rows) {
        if (!ahead.delete(row.id)) yield { id: row.id, rank: null, position: positionOf(row) };
      }
      if (end === null) return null;
      if (rows.length < want) return positionOf(end);
      from = end;
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
    return scan(this.#look, from, want, pace);
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
      limit: countLimit,
    };
    const shape = `${tags.length}/${countedReach}` as const;
    const matched = (await this.#reader.first(queries.countMatched(shape), params))!.total;
    const limit = countLimit - matched;
    const everyones =
      limit === 0 ? 0 : (await this.#reader.first(queries.countBoard(shape), { ...params, limit }))!.total;
    const total = matched + everyones;
    if (total === countLimit) return { total, isCapped: true };
    const ends = await Promise.all([
      this.#reader.first(queries.scanEnd(shape), params),
      this.#reader.first(queries.matchedEnd(countedReach), params),
    ]);
    return { total, isCapped: ends.some((end) => end !== undefined) };
  }

  /** With a text to look for, in the first few thousand tasks. */
  async #countWithText(): Promise<{ total: number; isCapped: boolean }> {
    const { window } = this.#pacing;
    const matched = await scanMatched(this.#look, bestRank, countLimit, window());
    const everyones = await this.#scan(oldest, countLimit, window());
    const total = matched.rows.length + everyones.rows.length;
    return { total, isCapped: total >= countLimit || matched.end !== null || everyones.end !== null };
  }
}

/** When too many look texts up at once, what was found near by is the answer, as when the time is up. */
function ifOverloaded(error: unknown): undefined {
  if (!(error instanceof DomainError && error.code === 'overloaded')) throw error;
}
