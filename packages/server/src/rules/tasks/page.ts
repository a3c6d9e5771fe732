import { limits } from '@pinchwork/sdk/table';
import { paidStates } from '../../ground/states.ts';
import type { Reader } from '../../storage/database.ts';
import { fitted } from '../../storage/prepared.ts';
import type { PosterRow } from '../reputation/poster-record.ts';
import { excerptsByIds, postersReviews, type Review } from './lists.ts';
import type { MovedTask } from './queries.ts';

/** Sizes of the statements for a list of ids. */
const idCounts = [1, 5, 20, limits.pageSize] as const;

/** Reads the beginnings of one task's texts. */
export const readExcerpt = (reader: Reader, id: string): Promise<MovedTask> =>
  reader.one(excerptsByIds(1), { id_0: id });

/** Reads the tasks of a page with the beginnings of their texts and their posters' ratings, in the order of `rows`. */
export async function readExcerpts(
  reader: Reader,
  rows: readonly { readonly id: string }[],
): Promise<(MovedTask & PosterRow)[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const { size, params } = fitted(idCounts, 'id', ids);
  const found = new Map((await reader.all(excerptsByIds(size), params)).map((task) => [task.id, task]));
  return rows.flatMap(({ id }) => found.get(id) ?? []);
}

/** Reads the posters' reviews of those of the tasks that are paid. The others have none. */
export async function readReviews(
  reader: Reader,
  tasks: readonly Pick<MovedTask, 'id' | 'kind' | 'status'>[],
): Promise<ReadonlyMap<string, Review>> {
  const paid = tasks.filter(({ kind, status }) => kind === 'work' && paidStates.includes(status));
  if (paid.length === 0) return new Map();
  const ids = paid.map(({ id }) => id);
  const { size, params } = fitted(idCounts, 'id', ids);
  return new Map((await reader.all(postersReviews(size), params)).map((review) => [review.id, review]));
}
