import { secondMs } from '../ground/clock.ts';
import { Loop } from '../ground/loop.ts';
import { countStep, isBehind } from '../rules/market/figures.ts';
import type { Ground } from '../storage/ground.ts';
import type { Job } from './job.ts';

const pauseMs = 5 * secondMs;

/** Counts what happens on the market, and keeps what was paid by tag. On several servers, one counts at a time. */
export class MarketFigures implements Job {
  readonly #ground: Ground;
  readonly #loop: Loop;

  constructor(ground: Ground) {
    this.#ground = ground;
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
    // Usually there is little to do, and a read is cheaper than a transaction.
    if (!(await isBehind(db, clock.now()))) return false;
    return db.transact('count the market', (tx) => countStep(tx, clock.now()));
  }

  /** Counts all that has settled. */
  async run(): Promise<void> {
    while (await this.step());
  }
}
