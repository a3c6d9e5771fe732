import { Loop } from '../ground/loop.ts';
import type { Signal } from './database.ts';
import type { Ground } from './ground.ts';

/** A background job that looks for due work in a loop. A signal of a transaction that adds work wakes it. */
export abstract class SignalledJob {
  protected readonly ctx: Ground;
  readonly #loop: Loop;

  /** @param failure the log's words for a pass that fails. The next pass is a second later. */
  constructor(ctx: Ground, signal: Signal, failure: string) {
    this.ctx = ctx;
    this.#loop = new Loop(
      ctx.clock,
      () => this.pass(),
      (error) => ctx.log.error(error, failure),
    );
    ctx.db.signals.subscribe({ changed: (signals) => signals.has(signal) && this.#loop.wake() });
  }

  /** Does the work that is due now. @returns after how many milliseconds to look again. */
  abstract pass(): Promise<number>;

  start(): void {
    this.#loop.start();
  }

  /** Starts no other pass, and waits for the running one. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }
}
