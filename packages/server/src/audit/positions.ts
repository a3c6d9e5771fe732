import { secondMs } from '../ground/clock.ts';
import { sql } from 'kysely';
import type { Params } from '../storage/prepared.ts';
import { report } from './check.ts';

/**
 * How far the ledger has been checked. Entries never change, and their ids sort by time, so nothing before the position
 * is read again: the sums up to it are carried on.
 */
export interface LedgerPosition {
  /** The last transfer that was checked. Empty: none was. */
  readonly transfer: string;
  /** The sums of the two accounts without a stored balance, up to there. */
  readonly mint: number;
  readonly fees: number;
}

export const beginning: LedgerPosition = { transfer: '', mint: 0, fees: 0 };

/** Minimum age of the transfers up to a position: by then, the transactions of all older ones have ended. */
export const settledMs = 10 * secondMs;

interface Reach extends Params {
  after: string;
  /** The number of entries to read at most. */
  size: number;
  /** The time before which transfers have settled. */
  until: number;
}

/** The last transfer among the next entries that have settled. Null: there is none. */
export const settledAhead = report<Reach, { id: string | null }>(
  'settledTransfersAhead',
  ({ after, size, until }) => sql`
    select max(transfer_id) as id from (
      select transfer_id, created_at from ledger_entries where transfer_id > ${after} order by transfer_id limit ${size}
    ) as ahead where created_at <= ${until}`,
);
