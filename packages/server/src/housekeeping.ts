import { minuteMs } from './clock.ts';
import type { Context } from './context.ts';
import { prepared } from './db/prepared.ts';
import { Loop } from './loop.ts';

const pauseMs = minuteMs;
/** Rows deleted in one transaction, about. */
const stepSize = 500;

/** What serves for a time only: its rows have an indexed column that says until when. */
function expiring(
  table: 'idempotency_keys' | 'rate_windows' | 'webhook_deliveries',
  column: 'expires_at' | 'ends_at' | 'forget_at',
) {
  // Kysely can't see that each table has such a column.
  const [from, until] = [table as 'rate_windows', column as 'ends_at'];
  return {
    /** The expiry of the last row in the next step: none when a step can take them all. */
    endOfStep: prepared(`endOfStep of ${table}`, (db, p: { now: number; size: number }) =>
      db.selectFrom(from).select(`${until} as end`).where(until, '<=', p.now).orderBy(until).limit(1).offset(p.size),
    ),
    deleteUpto: prepared(
      `delete ${table}`,
      (db, p: { upto: number }) => db.deleteFrom(from).where(until, '<=', p.upto),
      { replan: true },
    ),
  };
}

const tables = [
  expiring('idempotency_keys', 'expires_at'),
  expiring('rate_windows', 'ends_at'),
  expiring('webhook_deliveries', 'forget_at'),
];

/** Forgets what has served its time, in small steps: idempotency keys, counts of requests, webhook deliveries that
 * have ended. */
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
      let more = false;
      for (const { endOfStep, deleteUpto } of tables) {
        const step = await tx.first(endOfStep, { now, size: stepSize });
        tx.send(deleteUpto, { upto: step?.end ?? now });
        more ||= step !== undefined;
      }
      return more;
    });
  }
}
