import { type Clock, secondMs } from '../../ground/clock.ts';
import type { Database } from '../../storage/database.ts';
import * as queries from './queries.ts';

/** How often to look, and how far the clocks of servers may be apart. */
const everyMs = 10 * secondMs;
const toleratedMs = 5 * secondMs;
/** Endpoints looked at in one go: a millisecond or two. Tens of thousands may rightly wait for their next try. */
const chunk = 500;

/** Where a look has got to. */
interface Place {
  readonly failing: 0 | 1;
  readonly from: number;
}

/**
 * Finds endpoints that are made to wait by times that lie ahead because the clock has been set back since, and has them
 * served: those with an event that was never tried, since that is due from the beginning, and those with a lease that
 * is longer than any. Who waits for the next try of a delivery goes on waiting: that may rightly lie an hour ahead.
 */
export class Ahead {
  readonly #clock: Clock;
  readonly #db: Database;
  readonly #leaseMs: number;
  #begunAt = -Infinity;
  #place: Place | undefined;

  constructor(clock: Clock, db: Database, leaseMs: number) {
    this.#clock = clock;
    this.#db = db;
    this.#leaseMs = leaseMs;
  }

  /** Looks at some of those that wait for a time ahead, if it is time to; the next call goes on from there. */
  async look(): Promise<void> {
    const now = this.#clock.now();
    const soon = now + toleratedMs;
    // In either direction: a clock that has been set back would otherwise put this off as well.
    if (this.#place === undefined && Math.abs(now - this.#begunAt) >= everyMs) {
      this.#begunAt = now;
      this.#place = { failing: 0, from: soon };
    }
    if (this.#place === undefined) return;
    const { failing, from } = this.#place;
    const bounds = { due_before: soon, leased_before: soon + this.#leaseMs };
    const rows = await this.#db.all(queries.endpointsAhead, { ...bounds, failing, from: Math.max(from, soon), chunk });
    const stuck = rows.filter(({ is_stuck }) => is_stuck === 1).map(({ agent_id }) => agent_id);
    if (stuck.length > 0) await this.#free(stuck, now, bounds);
    this.#place = placeAfter(rows, this.#place);
  }

  async #free(agentIds: string[], now: number, bounds: { due_before: number; leased_before: number }): Promise<void> {
    const times = { ...bounds, due_at: now, leased_until: now + this.#leaseMs };
    await this.#db.transact('free endpoints', async (tx) => {
      // In the order in which events lock them.
      for (const agent_id of agentIds.sort()) tx.send(queries.freeEndpoint, { agent_id, ...times });
    });
  }
}

function placeAfter(rows: readonly { ready_at: number | null }[], { failing }: Place): Place | undefined {
  if (rows.length < chunk) return failing === 0 ? { failing: 1, from: 0 } : undefined;
  const [first, last] = [rows[0]!.ready_at!, rows.at(-1)!.ready_at!];
  // Of those that are ready at the same moment some may not have been read.
  return { failing, from: first === last ? last + 1 : last };
}
