import { foldTag } from '@pinchwork/sdk';
import type { BoardRow } from './queries.ts';

/**
 * Everyone's tasks in the order in which one agent sees them (contract section 6): by what their tags share with its
 * capabilities, then the poster's reputation, then the poster's trust in it, then age.
 */

/** What a poster's trust in an agent it has never met counts as. */
const unknownTrust = 0.5;
/** Trust as a whole number, so that two places can be compared exactly, also in a cursor. */
const trustScale = 1_000_000;

/** A place in the order: the tags shared, reputation, trust, then age and id. */
export type Place = readonly [overlap: number, reputation: number, trust: number, createdAt: number, id: string];

/** What the poster wrote, folded, and what the task was found to be about. */
export function tagsOfRow({ tags, hints }: BoardRow): Record<'tags' | 'hints', ReadonlySet<string>> {
  return { tags: new Set((JSON.parse(tags) as string[]).map(foldTag)), hints: new Set(JSON.parse(hints) as string[]) };
}

export function placeOf(row: BoardRow, capabilities: readonly string[]): Place {
  const { tags, hints } = tagsOfRow(row);
  const overlap = capabilities.filter((tag) => tags.has(tag) || hints.has(tag)).length;
  const trust = Math.round((row.trust ?? unknownTrust) * trustScale);
  return [overlap, row.reputation_e2, trust, row.created_at, row.id];
}

/** Negative when `a` comes first. */
export function comparePlaces(a: Place, b: Place): number {
  return b[0] - a[0] || b[1] - a[1] || b[2] - a[2] || a[3] - b[3] || (a[4] < b[4] ? -1 : a[4] > b[4] ? 1 : 0);
}

/** The rows of a window, best first. */
export function ranked<R extends BoardRow>(
  rows: readonly R[],
  capabilities: readonly string[],
): { row: R; place: Place }[] {
  return rows
    .map((row) => ({ row, place: placeOf(row, capabilities) }))
    .sort((a, b) => comparePlaces(a.place, b.place));
}
