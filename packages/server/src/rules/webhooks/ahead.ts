import { type Clock, secondMs } from '../../ground/clock.ts';
import { at, present } from '../../ground/present.ts';
import type { Database } from '../../storage/database.ts';
import * as leases from './leases.ts';

/** The time between two walks, and the tolerated difference between clocks of servers. */
const everyMs = 10 * secondMs;
const toleratedMs = 5 * secondMs;
/** Receivers read at once, in one or two milliseconds. Tens of thousands may wait for a retry. */
const chunk = 500;

/** How far a walk has come. */
interface Progress {
  readonly failing: 0 | 1;
  readonly from: number;
}

/**
 * Finds receivers that wait for a time in the future because the clock was set back, and makes them due. These are the
 * receivers with a delivery that was never tried, which is due at once, and the receivers with a lease longer than any
 * lease can be. Receivers that wait for a retry are left alone: a retry may be an hour ahead.
 */
export class Ahead {
  readonly #clock: Clock;
  readonly #db: Database;
  readonly #leaseMs: number;
  #begunAt = -Infinity;
  #progress: Progress | undefined;

  constructor(clock: Clock, db: Database, leaseMs: number) {
    this.#clock = clock;
    this.#db = db;
    this.#leaseMs = leaseMs;
  }

  /** Checks the next receivers that wait for a future time, if a walk is due; the next call continues from there. */
  async look(): Promise<void> {
    const now = this.#clock.now();
    const soon = now + toleratedMs;
    // In both directions, because a clock that was set back would otherwise delay this walk too.
    if (this.#progress === undefined && Math.abs(now - this.#begunAt) >= everyMs) {
      this.#begunAt = now;
      this.#progress = { failing: 0, from: soon };
    }
    if (this.#progress === undefined) return;
    const { failing, from } = this.#progress;
    const bounds = { due_before: soon, leased_before: soon + this.#leaseMs };
    const rows = await this.#db.all(leases.receiversAhead, { ...bounds, failing, from: Math.max(from, soon), chunk });
    const stuck = rows.filter(({ is_stuck }) => is_stuck === 1).map(({ agent_id }) => agent_id);
    if (stuck.length > 0) await this.#free(stuck, now, bounds);
    this.#progress = progressAfter(rows, this.#progress);
  }

  async #free(agentIds: string[], now: number, bounds: { due_before: number; leased_before: number }): Promise<void> {
    const times = { ...bounds, due_at: now, leased_until: now + this.#leaseMs };
    await this.#db.transact('free receivers', async (tx) => {
      // The order in which events lock receivers.
      for (const agent_id of agentIds.sort()) tx.send(leases.freeReceiver, { agent_id, ...times });
    });
  }
}

const readyAt = ({ ready_at }: { ready_at: number | null }) => present(ready_at, 'ready_at');

function progressAfter(rows: readonly { ready_at: number | null }[], { failing }: Progress): Progress | undefined {
  if (rows.length < chunk) return failing === 0 ? { failing: 1, from: 0 } : undefined;
  const [first, last] = [readyAt(at(rows, 0)), readyAt(at(rows, -1))];
  // Receivers with the same `ready_at` as the last row may be unread.
  return { failing, from: first === last ? last + 1 : last };
}
