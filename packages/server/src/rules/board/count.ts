import { countLimit } from '../../ground/paging.ts';
import { tagParams } from '../../storage/tags.ts';
import type { Pacing } from '../search/pace.ts';
import * as queries from './queries.ts';
import { bestRank, type Look, oldest, scan, scanMatched } from './scan.ts';

/** A count of open tasks examines at most this many tasks. */
const countedReach = 5_000;

/** A number of open tasks, at most `countLimit`, and whether there may be more. */
export interface Count {
  readonly total: number;
  readonly isCapped: boolean;
}

/** Counts the tasks that an agent may pick up. */
export async function countOpen(look: Look, pacing: Pacing): Promise<Count> {
  const { reader, board, filter } = look;
  if (filter.needle !== undefined) return countWithText(look, pacing);
  const params = {
    ...board,
    ...tagParams(filter.tags),
    after_rank: bestRank.rank,
    after_created_at: oldest.created_at,
    after_id: oldest.id,
    limit: countLimit,
  };
  const shape = `${filter.tags.length}/${countedReach}` as const;
  const matched = (await reader.one(queries.countMatched(shape), params)).total;
  const limit = countLimit - matched;
  const everyones = limit === 0 ? 0 : (await reader.one(queries.countBoard(shape), { ...params, limit })).total;
  const total = matched + everyones;
  if (total === countLimit) return { total, isCapped: true };
  const ends = await Promise.all([
    reader.first(queries.scanEnd(shape), params),
    reader.first(queries.matchedEnd(countedReach), params),
  ]);
  return { total, isCapped: ends.some((end) => end !== undefined) };
}

/** Counts among the first few thousand tasks, because each text must be read. */
async function countWithText(look: Look, { window }: Pacing): Promise<Count> {
  const matched = await scanMatched(look, bestRank, countLimit, window());
  const everyones = await scan(look, oldest, countLimit, window());
  const total = matched.rows.length + everyones.rows.length;
  return { total, isCapped: total >= countLimit || matched.end !== null || everyones.end !== null };
}
