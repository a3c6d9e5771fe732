import { at } from '../../ground/present.ts';
import { foldedTexts } from './texts.ts';
import { minuteMs, secondMs } from '../../ground/clock.ts';
import type { Ground } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import { Loop } from '../../ground/loop.ts';
import { separator } from './fold.ts';
import * as queries from './queries.ts';

/**
 * Keeps the search index up to date in small steps, after tasks are posted. Indexing a task while it is posted would
 * cost more than all other work of posting.
 *
 * The index has the texts of all tasks up to an age, in the order of their age; a search reads the texts of younger
 * tasks instead. If an older task appears later (a server's clock was wrong, or a transaction took very long), the
 * index goes back to before that task. So it is always complete up to its age.
 */

/** Minimum age of a task to be indexed: by then, the transactions of all older tasks have ended. */
const settledMs = 10 * secondMs;
/** Maximum number of texts and of their bytes in one step of a few milliseconds. */
const textsAtOnce = 25;
const bytesAtOnce = 32_768;
/**
 * Longer texts, in bytes, are not indexed but read by each search: they take long to index and contain most trigrams
 * anyway.
 */
const longestText = 16_384;
/** Documents compared with their tasks in one step of a sweep. */
const sweptAtOnce = 200;

/** The pauses: while there are more tasks to index, between steps of a sweep, between sweeps, and when all is done. */
const pauseMs = { behind: 10, sweeping: 100, swept: 10 * minuteMs, idle: secondMs } as const;

export class SearchUpkeep {
  readonly #ctx: Pick<Ground, 'db' | 'clock'>;
  readonly #loop: Loop;
  #sweepAt = 0;

  constructor(ctx: Pick<Ground, 'db' | 'clock' | 'log'>) {
    this.#ctx = ctx;
    this.#loop = new Loop(
      ctx.clock,
      () => this.#pass(),
      (error) => ctx.log.error(error, 'the upkeep of the search index failed'),
    );
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #pass(): Promise<number> {
    if (await this.takeIn()) return pauseMs.behind;
    const now = this.#ctx.clock.now();
    if (now < this.#sweepAt) return pauseMs.idle;
    if (await this.sweep()) return pauseMs.sweeping;
    this.#sweepAt = now + pauseMs.swept;
    return pauseMs.idle;
  }

  /** Indexes the next tasks. @returns whether there may be more to index. */
  async takeIn(): Promise<boolean> {
    const { db, clock } = this.#ctx;
    const upto = clock.now() - settledMs;
    // Usually there is nothing to do, and a read is cheaper than a transaction.
    const { reached_created_at: created_at, reached_id: id } = await db.one(queries.progress, {});
    const reached = { created_at, id };
    const isAhead = (await db.all(queries.docsBehind, { ...reached, limit: 1 })).length > 0;
    if (!isAhead && (await db.all(queries.nextTexts, { ...reached, upto, limit: 1 })).length === 0) return false;
    return db.transact('index texts', (tx) => takeIn(tx, upto));
  }

  /** Compares the next part of the index with the tasks and corrects it. @returns whether the sweep has more to do. */
  sweep(): Promise<boolean> {
    return this.#ctx.db.transact('sweep texts', sweep);
  }

  /** Repeats both until neither has more to do. */
  async run(): Promise<void> {
    for (let more = true; more;) more = (await this.takeIn()) || (await this.sweep());
  }
}

async function takeIn(tx: Tx, upto: number): Promise<boolean> {
  const progress = await tx.first(queries.lockProgress, {});
  if (progress === undefined) return false;
  const reached = { created_at: progress.reached_created_at, id: progress.reached_id };
  const ahead = await tx.all(queries.docsBehind, { ...reached, limit: textsAtOnce });
  for (const doc of ahead) queries.removeDoc(tx, doc);
  if (ahead.length > 0) return true;
  const tasks: { id: string; created_at: number; bytes: number; is_long: number }[] = [];
  let bytes = 0;
  for (const task of await tx.all(queries.nextTexts, { ...reached, upto, limit: textsAtOnce })) {
    const is_long = Number(task.bytes > longestText);
    if (is_long === 0) bytes += task.bytes;
    if (tasks.length > 0 && bytes > bytesAtOnce) break;
    tasks.push({ ...task, is_long });
  }
  const last = tasks.at(-1);
  if (last === undefined) return false;
  const short = tasks.filter(({ is_long }) => is_long === 0).map(({ id }) => id);
  const texts = await foldedTexts(tx, short);
  let doc = (await tx.first(queries.lastDoc, {}))?.doc ?? 0;
  for (const { id, created_at, is_long } of tasks) {
    tx.send(queries.insertDoc, { doc: ++doc, task_id: id, created_at, is_long });
    const parts = texts.get(id);
    if (parts !== undefined) tx.send(queries.addText, { doc, folded: parts.join(separator) });
  }
  tx.send(queries.setReached, { created_at: last.created_at, id: last.id });
  tx.send(queries.tidyTexts, {});
  return true;
}

async function sweep(tx: Tx): Promise<boolean> {
  const progress = await tx.first(queries.lockProgress, {});
  if (progress === undefined) return false;
  const reached = { created_at: progress.reached_created_at, id: progress.reached_id };
  const swept = { created_at: progress.swept_created_at, id: progress.swept_id };
  const docs = await tx.all(queries.docsBehind, { ...swept, limit: sweptAtOnce });
  for (const doc of docs) if (doc.is_live === 0) queries.removeDoc(tx, doc);
  const last = docs.length === sweptAtOnce ? at(docs, -1) : undefined;
  const end = last === undefined ? reached : { created_at: last.created_at, id: last.task_id };
  const missing = await tx.first(queries.missingText, { ...swept, upto_created_at: end.created_at, upto_id: end.id });
  // Index all tasks of that millisecond again, because their order must be right.
  if (missing !== undefined) tx.send(queries.setReached, { created_at: missing.created_at - 1, id: '~' });
  const next = last === undefined || missing !== undefined ? { created_at: -1, id: '' } : end;
  if (next.created_at !== swept.created_at || next.id !== swept.id) tx.send(queries.setSwept, next);
  return last !== undefined || missing !== undefined;
}
