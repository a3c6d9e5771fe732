import type { PosterRecordRow } from '../reputation/poster-record.ts';
import type { DirectoryOrder, PublicAgent } from '@pinchwork/sdk/table';
import { unhurried } from '../search/pace.ts';
import type { ApartJob, Reader } from '../../storage/database.ts';
import type { Params } from '../../storage/prepared.ts';
import { type DirectoryParams, directoryPage, type DirectoryShape, windowEnd } from './directory-queries.ts';

/** The sort key of the directory: the value of the sort column, and the agent's id. */
export type DirectorySortKey = readonly [value: string | number, id: string];

export type DirectoryRow = Omit<PublicAgent, 'tags' | 'reputation' | 'poster' | 'created_at' | 'last_active'> &
  PosterRecordRow & {
    rating_sum: number;
    standing_e3: number;
    created_at: number;
    active_day: number | null;
  };

/** A search for agents that continues after a sort key, window by window. */
export interface Onward {
  readonly shape: DirectoryShape;
  readonly order: DirectoryOrder;
  readonly params: Params & Pick<DirectoryParams, 'part' | 'least' | 'passed' | 'reach'>;
  readonly from: DirectorySortKey;
  readonly want: number;
  readonly budgetMs: number;
}

export const before = ([before_value, before_id]: DirectorySortKey) => ({ before_value, before_id });

/** The sort key of the last agent of a full window; undefined if the list ends in it. */
export async function endOfWindow(
  reader: Reader,
  order: DirectoryOrder,
  params: DirectoryParams,
): Promise<DirectorySortKey | undefined> {
  const last = await reader.first(windowEnd(order), { ...params, skip: params.reach - 1 });
  return last && [last.value, last.id];
}

/** Runs in a worker, because it may use its whole budget. `end`: where it stopped; undefined if the list has ended. */
const goOn: ApartJob<Onward, { rows: DirectoryRow[]; end: DirectorySortKey | undefined }> = async (reader, onward) => {
  const { shape, order, want, budgetMs } = onward;
  const pace = unhurried(budgetMs);
  const rows: DirectoryRow[] = [];
  let end: DirectorySortKey | undefined = onward.from;
  while (end !== undefined && rows.length < want && (await pace())) {
    const params: DirectoryParams = { ...onward.params, ...before(end) };
    rows.push(...(await reader.all(directoryPage(shape), { ...params, limit: want - rows.length })));
    end = await endOfWindow(reader, order, params);
  }
  return { rows, end };
};

export default goOn;
