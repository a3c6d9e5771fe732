import { limits } from '@pinchwork/sdk';
import type { Reader } from '../../storage/database.ts';
import { fitted } from '../../storage/prepared.ts';
import type { Ratings } from '../reputation/reputation.ts';
import { sizesByIds, tasksByIds } from './lists.ts';
import type { TaskRow } from './queries.ts';

/** A page ends early when its tasks' texts are longer than this together: a hundred of the longest would be 260 MB. */
const pageCharacters = 4_000_000;

/** What a page holds of `rows`, which may be one more than `limit`; and whether the list ends with it. */
export function cutBySize<R extends { readonly size: number }>(
  rows: readonly R[],
  limit: number,
): { kept: R[]; isLast: boolean } {
  const kept: R[] = [];
  let characters = 0;
  for (const row of rows.slice(0, limit)) {
    characters += row.size;
    if (kept.length > 0 && characters > pageCharacters) break;
    kept.push(row);
  }
  return { kept, isLast: kept.length === rows.length };
}

/** The few statements for a page's tasks. */
const idCounts = [1, 5, 20, limits.pageSize + 1] as const;

/** Adds to each row how long its task's texts are. */
export async function withSizes<R extends { readonly id: string }>(
  reader: Reader,
  rows: readonly R[],
): Promise<(R & { size: number })[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const { size, params } = fitted(idCounts, 'id', ids);
  const sizes = new Map((await reader.all(sizesByIds(size), params)).map(({ id, size }) => [id, size]));
  return rows.map((row) => ({ ...row, size: sizes.get(row.id) ?? 0 }));
}

/** Reads tasks with what is shown of their posters, in the order given. */
export async function readByIds(
  reader: Reader,
  rows: readonly { readonly id: string }[],
): Promise<(TaskRow & Ratings)[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const { size, params } = fitted(idCounts, 'id', ids);
  const found = new Map((await reader.all(tasksByIds(size), params)).map((task) => [task.id, task]));
  return rows.flatMap(({ id }) => found.get(id) ?? []);
}
