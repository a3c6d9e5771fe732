import { minuteMs } from './clock.ts';
import type { Context } from './context.ts';
import { prepared } from './db/prepared.ts';
import { Loop } from './loop.ts';

const pauseMs = minuteMs;
/** Rows deleted in one transaction, about. */
const stepSize = 500;

/** The expiry of the last key in the next step: none when a step can take them all. */
const endOfStep = prepared('endOfStep', (db, p: { now: number; size: number }) =>
  db
    .selectFrom('idempotency_keys')
    .select('expires_at')
    .where('expires_at', '<=', p.now)
    .orderBy('expires_at')
    .limit(1)
    .offset(p.size),
);

const deleteKeys = prepared(
  'deleteKeys',
  (db, p: { upto: number }) => db.deleteFrom('idempotency_keys').where('expires_at', '<=', p.upto),
  { replan: true },
);

/** Forgets what has served its time, in small steps: idempotency keys that have expired. */
export class Housekeeping {
  readonly #ctx: Pick<Context, 'db' | 'clock' | 'log'>;
  readonly #loop: Loop;

  constructor(ctx: Pick<Context, 'db' | 'clock' | 'log'>) {
    this.#ctx = ctx;
    this.#loop = new Loop(
      ctx.clock,
      () => this.#pass(),
      (error) => ctx.log.error(error, 'housekeeping failed'),
      pauseMs,
    );
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #pass(): Promise<number> {
    return (await this.run()) ? 0 : pauseMs;
  }

  /** Takes one step. @returns whether there is more to do. */
  run(): Promise<boolean> {
    const { db, clock } = this.#ctx;
    return db.transact('housekeeping', async (tx) => {
      const now = clock.now();
      const end = await tx.first(endOfStep, { now, size: stepSize });
      tx.send(deleteKeys, { upto: end?.expires_at ?? now });
      return end !== undefined;
    });
  }
}
