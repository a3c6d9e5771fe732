import { foldTag } from '@pinchwork/sdk/table';
import type { BoardRow } from './queries.ts';
import { storedTexts } from '../../ground/stored.ts';

/**
 * The order in which one agent sees the tasks of its window (contract section 6): by the number of tags shared with its
 * capabilities, then the poster's reputation, then the poster's trust in the agent, then age.
 */

/** The trust assumed for a poster that has never dealt with the agent. */
const unknownTrust = 0.5;
/** Trust is compared as a whole number of millionths, so that rounding errors do not decide. */
const trustScale = 1_000_000;

/** What decides a task's order, most important first. */
type SortKey = readonly [overlap: number, reputation: number, trust: number, createdAt: number, id: string];

function sortKeyOf(row: BoardRow, capabilities: ReadonlySet<string>): SortKey {
  const tags = new Set([...storedTexts(row.tags).map(foldTag), ...storedTexts(row.hints)]);
  let overlap = 0;
  for (const tag of tags) if (capabilities.has(tag)) overlap++;
  const trust = Math.round((row.trust ?? unknownTrust) * trustScale);
  return [overlap, row.reputation_e2, trust, row.created_at, row.id];
}

/** A comparison for `sort`: negative if `a` comes first. */
function compareSortKeys(a: SortKey, b: SortKey): number {
  return b[0] - a[0] || b[1] - a[1] || b[2] - a[2] || a[3] - b[3] || (a[4] < b[4] ? -1 : a[4] > b[4] ? 1 : 0);
}

/** Sorts the rows of a window, best first, into a new list. */
export function ranked(rows: readonly BoardRow[], capabilities: ReadonlySet<string>): BoardRow[] {
  return rows
    .map((row) => ({ row, sortKey: sortKeyOf(row, capabilities) }))
    .sort((a, b) => compareSortKeys(a.sortKey, b.sortKey))
    .map(({ row }) => row);
}
