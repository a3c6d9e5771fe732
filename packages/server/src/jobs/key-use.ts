import { dayOf, minuteMs } from '../ground/clock.ts';
import { Loop } from '../ground/loop.ts';
import type { Authenticator } from '../rules/agents/authenticator.ts';
import { noteActiveDay, noteUse } from '../rules/agents/key-queries.ts';
import type { Ground } from '../storage/ground.ts';
import type { Job } from './job.ts';

const pauseMs = minuteMs;
/** How often a key is written down that is used all the time. */
const stepMs = 5 * minuteMs;
/** Keys written down at a time. */
const portion = 100;

/** Writes down when keys, and agents, were last active: once in some minutes for each key, not with each request. */
export class KeyUse implements Job {
  readonly #ground: Ground;
  readonly #authenticator: Authenticator;
  readonly #loop: Loop;

  constructor(ground: Ground, authenticator: Authenticator) {
    this.#ground = ground;
    this.#authenticator = authenticator;
    this.#loop = new Loop(
      ground.clock,
      async () => {
        await this.save();
        return pauseMs;
      },
      (error) => ground.log.warn(error, 'the last use of keys could not be written down'),
    );
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Writes down what is known; the loop's pass. */
  async save(): Promise<void> {
    const uses = [...this.#authenticator.takeUses()];
    for (let i = 0; i < uses.length; i += portion) {
      // A transaction each: together they would take the locks of many keys in an order of their own.
      await Promise.all(uses.slice(i, i + portion).map(([id, at]) => this.#note(id, at)));
    }
  }

  async #note(id: string, at: number): Promise<void> {
    const { db } = this.#ground;
    await db.transact('note key use', async (tx) => tx.send(noteUse, { id, at, before: at - stepMs }));
    // A transaction of its own: the agent's row is locked before those of its keys.
    await db.transact('note active day', async (tx) => tx.send(noteActiveDay, { key: id, day: dayOf(at) }));
  }
}
