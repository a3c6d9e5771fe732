import { minuteMs } from './clock.ts';
import type { Context } from './context.ts';
import { prepared } from './db/prepared.ts';
import { Loop } from './loop.ts';

const pauseMs = minuteMs;
const batch = 500;

const deleteExpiredKeys = prepared('deleteExpiredKeys', (db, p: { now: number; limit: number }) =>
  db.deleteFrom('idempotency_keys').where(({ eb, refTuple, selectFrom }) =>
    eb(
      refTuple('scope', 'key'),
      'in',
      selectFrom('idempotency_keys')
        .select(['scope', 'key'])
        .where('expires_at', '<=', p.now)
        .orderBy('expires_at')
        .limit(p.limit)
        .$asTuple('scope', 'key'),
    ),
  ),
);

/** Forgets what has served its time, in small steps: idempotency keys that have expired. */
export class Housekeeping {
  readonly #ctx: Pick<Context, 'db' | 'clock' | 'log'>;
  readonly #loop: Loop;

  constructor(ctx: Pick<Context, 'db' | 'clock' | 'log'>) {
    this.#ctx = ctx;
    this.#loop = new Loop(ctx.clock, () => this.#pass(), (error) => ctx.log.error(error, 'housekeeping failed'), pauseMs);
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #pass(): Promise<number> {
    return (await this.run()) === batch ? 0 : pauseMs;
  }

  /** One step. @returns how many rows it deleted. */
  run(): Promise<number> {
    const { db, clock } = this.#ctx;
    return db.transact('housekeeping', (tx) => tx.run(deleteExpiredKeys, { now: clock.now(), limit: batch }));
  }
}
