import type { MarketPricesResponse } from '@pinchwork/sdk/table';
import { minuteMs } from '../../ground/clock.ts';
import { at } from '../../ground/present.ts';
import type { Reader } from '../../storage/database.ts';
import { tagParams } from '../../storage/tags.ts';
import { mostOfTag } from './figures.ts';
import { type Price, pricesOf } from './price-queries.ts';

/** At most this many tasks are counted, the newest (contract section 2). */
const counted = 1_000;

/**
 * What work with these tags cost of late, and how long it took: the newest approved tasks that have all of them, without
 * rulings, of one poster and worker the newest few. Each is the nearest rank: a price that somebody paid.
 *
 * @param tags at least one.
 */
export async function readPrices(reader: Reader, tags: readonly string[]): Promise<MarketPricesResponse> {
  // With several tags, all that is kept under the first of them is looked at.
  const examine = tags.length === 1 ? counted : mostOfTag;
  const rows = await reader.all(pricesOf(`${tags.length}/${examine}`), { ...tagParams(tags), limit: counted });
  const median = (field: keyof Price) => {
    const ms = rank(rows, field, 0.5);
    return ms === null ? null : Math.round(ms / (minuteMs / 10)) / 10;
  };
  return {
    count: rows.length,
    credits: {
      p25: rank(rows, 'credits', 0.25),
      median: rank(rows, 'credits', 0.5),
      p75: rank(rows, 'credits', 0.75),
    },
    minutes: {
      to_claim: median('to_claim_ms'),
      to_delivery: median('to_delivery_ms'),
      to_approval: median('to_approval_ms'),
    },
  };
}

/** What to offer for a task with these tags: the median of what such tasks cost. Null: nothing is known. */
export async function suggestedCredits(reader: Reader, tags: readonly string[]): Promise<number | null> {
  return tags.length === 0 ? null : (await readPrices(reader, tags)).credits.median;
}

/** The smallest value that at least this share of the rows does not exceed. */
function rank(rows: readonly Price[], field: keyof Price, share: number): number | null {
  if (rows.length === 0) return null;
  const values = rows.map((row) => row[field]).sort((a, b) => a - b);
  return at(values, Math.ceil(share * values.length) - 1);
}
