import { limits } from '@pinchwork/sdk';
import type { Reader } from '../../storage/database.ts';
import { fitted } from '../../storage/prepared.ts';
import type { Ratings } from '../reputation/reputation.ts';
import { sizesByIds, tasksByIds } from './lists.ts';
import type { TaskRow } from './queries.ts';

/** A page ends early if the texts of its tasks are longer than this in total: 100 of the longest would take 260 MB. */
const pageCharacters = 4_000_000;

/**
 * Cuts the rows of a page to `limit` and to `pageCharacters`, but keeps at least one.
 *
 * @param rows at most `limit + 1` rows.
 * @returns the rows of the page, and whether the list ends with it.
 */
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

/** Sizes of the statements for a list of ids. */
const idCounts = [1, 5, 20, limits.pageSize + 1] as const;

/** Adds the length of its task's texts to each row, in characters. */
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

/** Reads tasks with their posters' ratings, in the order of `rows`. */
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
