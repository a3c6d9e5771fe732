import { secondMs } from '../ground/clock.ts';
import { Loop } from '../ground/loop.ts';
import { suspendedSince } from '../rules/agents/queries.ts';
import { bar, type Open, releaseMs } from '../rules/operator/suspension.ts';
import type { Ground } from '../storage/ground.ts';
import type { Job } from './job.ts';

/** How often a server looks for suspensions made by other servers. They must take effect within a second. */
const lookMs = secondMs / 2;

/**
 * Ends the long polls and streams of agents that another server on the same database has suspended. Their keys stop
 * working without this: `Credentials` reads them again after half a second.
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

  /** Does nothing on an embedded database, which has no other servers. */
  start(): void {
    if (this.#ground.db.shared) this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #pass(): Promise<number> {
    const { db, clock } = this.#ground;
    const now = clock.now();
    // A suspension has the time at which its transaction began. One that commits late can be older than `since`.
    const suspended = await db.all(suspendedSince, { since: this.#since - releaseMs });
    this.#since = now;
    for (const { id } of suspended) bar(this.#open, id);
    return lookMs;
  }
}
