import { sql } from 'kysely';
import { hourMs } from '../../ground/clock.ts';
import { at } from '../../ground/present.ts';
import type { Reader } from '../../storage/database.ts';
import { prepared } from '../../storage/prepared.ts';

/** How long it takes from a claim to its delivery: of approved tasks with tags, whose prices are kept. */
export interface DeliveryTimes {
  /** The median of the newest; null when there is none. */
  readonly medianMs: number | null;
  /** The median of each of the last 24 hours, the oldest first. */
  readonly hours: readonly (number | null)[];
}

/** A task has a row for each of its tags. */
const examined = 3_000;
const hours = 24;

const newestDeliveries = prepared(
  'newestDeliveries',
  (db, p: { since: number }) =>
    db
      .selectFrom('market_prices')
      .select(['task_id', 'approved_at', 'to_delivery_ms'])
      .where('approved_at', '>=', p.since)
      .orderBy('approved_at', 'desc')
      .limit(sql.lit(examined)),
  { bounded: 'the newest `examined` prices' },
);

/** The median; null of an empty list. */
function medianOf(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  return at(sorted, sorted.length >> 1);
}

const dayMs = 24 * hourMs;
/** Older deliveries tell nothing of the market as it is. */
const shownDays = 30;

/** Reads how long deliveries take. */
export async function readDeliveryTimes(reader: Reader, now: number): Promise<DeliveryTimes> {
  const rows = await reader.all(newestDeliveries, { since: now - shownDays * dayMs });
  const tasks = [...new Map(rows.map((row) => [row.task_id, row])).values()];
  const hour = Math.floor(now / hourMs);
  return {
    medianMs: medianOf(tasks.map(({ to_delivery_ms }) => to_delivery_ms)),
    hours: Array.from({ length: hours }, (_, i) =>
      medianOf(
        tasks
          .filter(({ approved_at }) => Math.floor(approved_at / hourMs) === hour - hours + 1 + i)
          .map(({ to_delivery_ms }) => to_delivery_ms),
      ),
    ),
  };
}
