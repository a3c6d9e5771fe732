import { secondMs } from '../ground/clock.ts';
import { Loop } from '../ground/loop.ts';
import { suspendedSince } from '../rules/agents/queries.ts';
import { bar, type Open, releaseMs } from '../rules/operator/suspension.ts';
import type { Ground } from '../storage/ground.ts';
import type { Job } from './job.ts';

/** How often a server looks for suspensions that another one has made: they bite within a second. */
const lookMs = secondMs / 2;

/**
 * Ends the long polls and streams of agents that another server on the same database has suspended. Their keys stop by
 * themselves: `Credentials` looks again after half a second.
 */
export class SuspensionWatch implements Job {
  readonly #ground: Ground;
  readonly #open: Open;
  readonly #loop: Loop;
  #since: number;

  constructor(ground: Ground, open: Open) {
    this.#ground = ground;
    this.#open = open;
    this.#since = ground.clock.now();
    this.#loop = new Loop(
      ground.clock,
      () => this.#pass(),
      (error) => ground.log.error(error, 'looking for suspensions failed'),
    );
  }

  /** An embedded database has no other servers: there is nothing to look for. */
  start(): void {
    if (this.#ground.db.shared) this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #pass(): Promise<number> {
    const { db, clock } = this.#ground;
    const now = clock.now();
    // A suspension bears the time at which its transaction began: one that commits late lies behind `since`.
    const suspended = await db.all(suspendedSince, { since: this.#since - releaseMs });
    this.#since = now;
    for (const { id } of suspended) bar(this.#open, id);
    return lookMs;
  }
}
