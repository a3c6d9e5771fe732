import { minuteMs, secondMs } from '../ground/clock.ts';
import { Loop } from '../ground/loop.ts';
import { keysEndedSince, keysExpired } from '../rules/agents/key-queries.ts';
import { barKey, type Open } from '../rules/operator/suspension.ts';
import type { Ground } from '../storage/ground.ts';
import type { Job } from './job.ts';

/** How often a server looks for keys that have ended: their streams and waits must end within a second. */
const lookMs = secondMs / 2;

/**
 * How far back it looks: a revocation bears the time at which its transaction began, and may be seen later; so may a wait
 * that a request began just before. No transaction and no such request lasts this long.
 */
const lateMs = minuteMs;

/**
 * Ends the long polls and streams whose key has ended: it was revoked or rotated, here or on another server, or it has
 * expired. `Credentials` refuses their next requests by itself.
 */
export class EndedKeys implements Job {
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
      () => this.run(),
      (error) => ground.log.error(error, 'looking for ended keys failed'),
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
    const { db, clock } = this.#ground;
    const now = clock.now();
    const since = this.#since - lateMs;
    if (this.#open.watch.count + this.#open.streams.count > 0) {
      // What was ended by a request has ended here too, though the clock of the server that did it may be ahead.
      const [ended, expired] = await Promise.all([
        db.all(keysEndedSince, { since }),
        db.all(keysExpired, { since, upto: now }),
      ]);
      for (const { id, agent_id } of [...ended, ...expired]) barKey(this.#open, agent_id, id);
    }
    this.#since = now;
    return lookMs;
  }
}
