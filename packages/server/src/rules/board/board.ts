import { limits } from '@pinchwork/sdk/table';
import { nothingSetBack, type SetBack } from '../agents/given-up.ts';
import type { Reader } from '../../storage/database.ts';
import { DomainError } from '../../ground/errors.ts';
import { tagParams } from '../../storage/tags.ts';
import { type Count, countOpen } from './count.ts';
import { ranked } from './order.ts';
import type { SearchApart } from '../search/apart.ts';
import type { Pace, Pacing } from '../search/pace.ts';
import { type AmongMatched, type InRest, type BoardCursor, rankedTasks } from './cursor.ts';
import * as queries from './queries.ts';
import { idShapes } from './queries.ts';
import { fitted } from '../../storage/prepared.ts';
import type { BoardParams } from './fragments.ts';
import type { BoardRow } from './queries.ts';
import {
  type Age,
  ageOf,
  isBehind,
  type Look,
  type BoardFilter,
  oldest,
  type RankedAge,
  scan,
  scanMatched,
  scanForOrder,
  type Scanned,
  type ScanFilter,
  stepSize,
} from './scan.ts';
import type { Lookup } from './look-up-job.ts';
import { Needle } from '../search/texts.ts';

/**
 * The board as one agent sees it (contract section 6), in four parts. First come the tasks that its poster has chosen it
 * for, then those that it was matched to, by rank; then a window of the other tasks, in the agent's own order; then the
 * rest, oldest first; last, those that it has given up lately. Browse and pickup both read the board here.
 *
 * The window holds the oldest tasks with each of the agent's capability tags and the oldest tasks of all, so that a
 * page costs the same on a board of a thousand tasks and of a million (1.3 ms). An agent without capability tags has
 * no order of its own: its board has no window.
 */
const windowPerTag = 60;
const windowOfAll = 100;
/** The module of the job that searches texts, run apart; and the least time that it gets on a busy machine. */
const lookUpJob = new URL('./look-up-job.ts', import.meta.url);
const leastApartMs = 30;

/**
 * The cursor before a task: a page from there begins with this task, or with the whole window if the task is in it.
 */
export function justBefore({ cursor }: Listed): BoardCursor {
  return cursor.part === 'window' ? { part: 'window', shown: [] } : { ...cursor, id: '' };
}

interface Listed {
  readonly id: string;
  /** The agent's rank among the matched agents of this task; null if it is not one of them. */
  readonly rank: number | null;
  /** The cursor after this task. */
  readonly cursor: BoardCursor;
}

/** Yields the tasks of a part one by one. Returns the cursor where the part continues; null if it has ended. */
type Part<End extends BoardCursor> = AsyncGenerator<Listed, End | null>;

interface Page {
  readonly tasks: Listed[];
  /** The number of tasks read: those skipped by `offset`, then those of the page. */
  readonly met: number;
  /** The cursor where the search stopped because its time was up; null if the page is full or the board has ended. */
  readonly cut: BoardCursor | null;
}

export interface PageOf {
  readonly from: BoardCursor;
  readonly offset: number;
  readonly limit: number;
}

/** What a board is read with. In a transaction nothing can be searched apart. */
interface BoardSource {
  readonly reader: Reader;
  readonly searchApart?: SearchApart;
}

/** An agent's board, read by one reader at one moment. */
export class Board {
  readonly #reader: Reader;
  readonly #searchApart: SearchApart | undefined;
  readonly #board: BoardParams;
  readonly #filter: ScanFilter;
  readonly #look: Look;
  readonly #pacing: Pacing;
  readonly #setBack: SetBack;
  /** All tasks that are set back, and so are in none of the first three parts. */
  readonly #out: ReadonlySet<string>;
  /** Whether a search has already read its first tasks here, so that it may continue in a job of its own. */
  #hasLooked = false;

  constructor({ reader, searchApart }: BoardSource, board: BoardParams, filter: BoardFilter, pacing: Pacing) {
    this.#reader = reader;
    this.#searchApart = searchApart;
    this.#board = board;
    const { tags, part, setBack = nothingSetBack } = filter;
    this.#filter = { tags, needle: part === undefined ? undefined : new Needle(part) };
    this.#look = { reader, board, filter: this.#filter };
    this.#pacing = pacing;
    this.#setBack = setBack;
    this.#out = new Set([...setBack.last, ...setBack.notNow]);
  }

  /** Reads at most `limit` tasks from a cursor on, after skipping `offset`. */
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
   * Yields the tasks of all parts in order.
   *
   * @param missing returns the number of tasks still wanted.
   * @returns the cursor where the search stopped; null if the board has ended.
   */
  async *#from(from: BoardCursor, missing: () => number): Part<BoardCursor> {
    if (from.part !== 'last') {
      const cut = yield* this.#first(from, missing);
      if (cut !== null) return cut;
    }
    yield* this.#last(from.part === 'last' ? from : oldest);
    return null;
  }

  /** The tasks that the agent has given up lately, oldest first. */
  async *#last(from: Age): AsyncGenerator<Listed, void> {
    const { last } = this.#setBack;
    if (last.length === 0) return;
    const { tags, needle } = this.#filter;
    const { size, params } = fitted(idShapes, 'id', last);
    const open = await this.#reader.all(queries.openWithRanks(`${tags.length}/${size}`), {
      ...this.#board,
      ...tagParams(tags),
      ...params,
    });
    const rows = needle === undefined ? open : await needle.among(this.#reader, open);
    for (const { id, created_at, rank } of rows.sort((a, b) => (isBehind(a, b) ? 1 : -1))) {
      if (isBehind({ created_at, id }, from)) yield { id, rank, cursor: { part: 'last', created_at, id } };
    }
  }

  async *#first(from: Exclude<BoardCursor, { part: 'last' }>, missing: () => number): Part<BoardCursor> {
    if (from.part === 'matched') {
      const cut = yield* this.#matched(from, missing);
      if (cut !== null) return cut;
    }
    const behind = from.part === 'rest' ? from : yield* this.#window(from.part === 'window' ? from.shown : []);
    return behind === null ? null : yield* this.#rest(behind, missing);
  }

  async *#matched(from: RankedAge, missing: () => number): Part<AmongMatched> {
    const pace = this.#windowPace();
    const cursorOf = ({ rank, created_at, id }: RankedAge): AmongMatched => ({
      part: 'matched',
      rank,
      created_at,
      id,
    });
    let after = from;
    for (;;) {
      const want = Math.min(missing(), stepSize);
      const { rows, end } = await scanMatched(this.#look, after, want, pace);
      for (const row of rows) {
        if (!this.#out.has(row.id)) yield { id: row.id, rank: row.rank, cursor: cursorOf(row) };
      }
      if (end === null) return null;
      if (rows.length < want) return cursorOf(end);
      after = end;
    }
  }

  /** A search takes the same number of steps in browse and pickup, so that both see the same window. */
  #windowPace(): Pace {
    return this.#filter.needle === undefined ? this.#pacing.rest : this.#pacing.window();
  }

  async #capabilities(): Promise<ReadonlySet<string>> {
    const { agent } = this.#board;
    const rows = await this.#reader.all(queries.capabilitiesOf, { agent, limit: limits.extractedTags });
    return new Set(rows.map(({ tag }) => tag));
  }

  /**
   * The best tasks of the window that have not been shown. With a filter, the window holds the oldest tasks that pass
   * it.
   */
  async *#window(before: readonly string[]): Part<InRest> {
    const capabilities = await this.#capabilities();
    if (capabilities.size === 0) return { part: 'rest', ...oldest, shown: before };
    const { rows, end } = await scanForOrder(this.#look, oldest, windowOfAll, this.#windowPace());
    this.#hasLooked = true;
    const all = new Map([...rows, ...(await this.#ofTags(capabilities))].map((row) => [row.id, row]));
    for (const id of [...before, ...this.#out]) all.delete(id);
    const shown = [...before];
    const order = ranked([...all.values()], capabilities);
    const left = order.splice(rankedTasks - shown.length);
    for (const { id } of order) {
      shown.push(id);
      yield { id, rank: null, cursor: { part: 'window', shown: [...shown] } };
    }
    const near = new Set(rows.map(({ id }) => id));
    if (left.some(({ id }) => near.has(id))) return { part: 'rest', ...oldest, shown };
    return end === null ? null : { part: 'rest', ...end, shown: shown.filter((id) => !near.has(id)) };
  }

  /** The oldest tasks with each capability tag. */
  async #ofTags(capabilities: ReadonlySet<string>): Promise<BoardRow[]> {
    const { tags, needle } = this.#filter;
    if (tags.length > 0 || needle !== undefined) return [];
    const params = { ...this.#board, ...tagParams([...capabilities]) };
    return this.#reader.all(queries.tagWindows(`${capabilities.size}/${windowPerTag}`), params);
  }

  async *#rest({ created_at, id, shown }: InRest, missing: () => number): Part<InRest> {
    const ahead = new Set(shown);
    const cursorOf = (age: Age): InRest => ({ part: 'rest', ...ageOf(age), shown: [...ahead] });
    let from: Age = { created_at, id };
    for (;;) {
      const want = Math.min(missing() + ahead.size, stepSize);
      const { rows, end } = await this.#find(from, want);
      for (const row of rows) {
        if (!ahead.delete(row.id) && !this.#out.has(row.id)) yield { id: row.id, rank: null, cursor: cursorOf(row) };
      }
      if (end === null) return null;
      if (rows.length < want) return cursorOf(end);
      from = end;
    }
  }

  /**
   * The next tasks by age. If the first few thousand lack enough tasks with the text, a separate job searches the
   * rest.
   */
  async #find(from: Age, want: number): Promise<Scanned> {
    const { until, rest } = this.#pacing;
    const { needle, tags } = this.#filter;
    if (needle === undefined || until === undefined || this.#searchApart === undefined) {
      return this.#scan(from, want, rest);
    }
    const near = this.#hasLooked ? { rows: [], end: from } : await this.#scan(from, want, this.#pacing.window());
    this.#hasLooked = true;
    if (near.rows.length >= want || near.end === null) return near;
    const sought = { board: this.#board, tags, part: needle.part, from: near.end, want: want - near.rows.length };
    const far = await this.#searchApart<Lookup, Scanned>(lookUpJob, () => ({
      ...sought,
      budgetMs: Math.max(leastApartMs, until - performance.now()),
    })).catch(ifOverloaded);
    return far === undefined ? near : { rows: [...near.rows, ...far.rows], end: far.end };
  }

  #scan(from: Age, want: number, pace: Pace) {
    return scan(this.#look, from, want, pace);
  }

  /**
   * Counts the tasks that the agent may pick up.
   *
   * @returns the count, at most `countLimit`, and whether there may be more.
   */
  count(): Promise<Count> {
    return countOpen(this.#look, this.#pacing);
  }
}

/** If too many searches run at once, the page has only what was found here, as when the time is up. */
function ifOverloaded(error: unknown): undefined {
  if (!(error instanceof DomainError && error.code === 'overloaded')) throw error;
}
