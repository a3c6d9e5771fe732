import { minuteMs, secondMs } from '../ground/clock.ts';
import { Loop } from '../ground/loop.ts';
import { countStep, isBehind, noteOpenTasks } from '../rules/market/figures.ts';
import type { Ground } from '../storage/ground.ts';
import type { Job } from './job.ts';

const pauseMs = 5 * secondMs;
/** How often the tasks on the board are counted. */
const sampleMs = 5 * minuteMs;

/** Counts what happens on the market, and keeps what was paid by tag. On several servers, one counts at a time. */
export class MarketFigures implements Job {
  readonly #ground: Ground;
  readonly #countOpen: () => Promise<number>;
  readonly #loop: Loop;
  #countedAt = 0;

  /** @param countOpen the number of tasks on the board */
  constructor(ground: Ground, countOpen: () => Promise<number>) {
    this.#ground = ground;
    this.#countOpen = countOpen;
    this.#loop = new Loop(
      ground.clock,
      async () => ((await this.step()) ? 0 : pauseMs),
      (error) => ground.log.error(error, 'counting the market failed'),
      pauseMs,
    );
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Counts the next rows. @returns whether there may be more. */
  async step(): Promise<boolean> {
    const { db, clock } = this.#ground;
    if (clock.now() - this.#countedAt >= sampleMs) await this.#sample();
    // Usually there is little to do, and a read is cheaper than a transaction.
    if (!(await isBehind(db, clock.now()))) return false;
    return db.transact('count the market', (tx) => countStep(tx, clock.now()));
  }

  /** Notes how many tasks are on the board, for the picture of the last 24 hours. */
  async #sample(): Promise<void> {
    const { db, clock } = this.#ground;
    this.#countedAt = clock.now();
    const open = await this.#countOpen();
    await db.transact('note open tasks', (tx) => noteOpenTasks(tx, open, this.#countedAt));
  }

  /** Counts all that has settled. */
  async run(): Promise<void> {
    while (await this.step());
  }
}
