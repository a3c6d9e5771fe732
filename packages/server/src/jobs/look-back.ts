import { secondMs } from '../ground/clock.ts';
import { Loop } from '../ground/loop.ts';
import type { Ground } from '../storage/ground.ts';
import type { Job } from './job.ts';

/** How often a server looks. What it looks for must take effect within a second. */
const lookMs = secondMs / 2;

interface Wanted {
  /** What is looked for, in the plural, for the log. */
  readonly what: string;
  /**
   * How far to look back beyond the last time. A change has the time at which its transaction began, and becomes visible
   * only when it commits. No transaction lasts this long.
   */
  readonly lateMs: number;
  /** Finds what has changed from `since` to `now`, and lets it take effect on this server. */
  look(since: number, now: number): Promise<void>;
}

/** Looks twice a second for changes that other servers, or the clock, have made. */
export class LookBack implements Job {
  readonly #ground: Ground;
  readonly #wanted: Wanted;
  readonly #loop: Loop;
  #lookedAt: number;

  constructor(ground: Ground, wanted: Wanted) {
    this.#ground = ground;
    this.#wanted = wanted;
    this.#lookedAt = ground.clock.now();
    this.#loop = new Loop(
      ground.clock,
      () => this.run(),
      (error) => ground.log.error(error, `looking for ${wanted.what} failed`),
    );
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Looks once. @returns in how many milliseconds to look again. */
  async run(): Promise<number> {
    const now = this.#ground.clock.now();
    await this.#wanted.look(this.#lookedAt - this.#wanted.lateMs, now);
    // After a failure the next look begins at the same time.
    this.#lookedAt = now;
    return lookMs;
  }
}
