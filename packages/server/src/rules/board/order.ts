import { foldTag } from '@pinchwork/sdk';
import type { BoardRow } from './queries.ts';

/**
 * Everyone's tasks in the order in which one agent sees them (contract section 6): by what their tags share with its
 * capabilities, then the poster's reputation, then the poster's trust in it, then age.
 */

/** What a poster's trust in an agent it has never met counts as. */
const unknownTrust = 0.5;
/** Trust is compared as a whole number: sums that differ in their last digits only are the same. */
const trustScale = 1_000_000;

/** A place in the order: the tags shared, reputation, trust, then age and id. */
type Place = readonly [overlap: number, reputation: number, trust: number, createdAt: number, id: string];

function placeOf(row: BoardRow, capabilities: ReadonlySet<string>): Place {
  const tags = new Set([...(JSON.parse(row.tags) as string[]).map(foldTag), ...(JSON.parse(row.hints) as string[])]);
  let overlap = 0;
  for (const tag of tags) if (capabilities.has(tag)) overlap++;
  const trust = Math.round((row.trust ?? unknownTrust) * trustScale);
  return [overlap, row.reputation_e2, trust, row.created_at, row.id];
}

/** Negative when `a` comes first. */
function comparePlaces(a: Place, b: Place): number {
  return b[0] - a[0] || b[1] - a[1] || b[2] - a[2] || a[3] - b[3] || (a[4] < b[4] ? -1 : a[4] > b[4] ? 1 : 0);
}

/** The rows of a window, best first. */
export function ranked(rows: readonly BoardRow[], capabilities: ReadonlySet<string>): BoardRow[] {
  return rows
    .map((row) => ({ row, place: placeOf(row, capabilities) }))
    .sort((a, b) => comparePlaces(a.place, b.place))
    .map(({ row }) => row);
}
