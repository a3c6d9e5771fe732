import { platformId } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { minuteMs } from '../ground/clock.ts';
import type { Context, MarketCounts } from './context.ts';
import type { ApartJob, Reader } from '../storage/database.ts';
import { counting, type Params, prepared } from '../storage/prepared.ts';
import { remembered } from '../ground/remembered.ts';
import { isForEverybody } from '../rules/board/fragments.ts';

const countAll = prepared(
  'countAll',
  (db, _: Params) =>
    db.selectNoFrom((eb) => [
      eb
        .selectFrom('agents')
        .select(sql<number>`count(*)`.as('n'))
        .where('id', '<>', platformId)
        .as('agents'),
      eb
        .selectFrom('tasks')
        .select(sql<number>`count(*)`.as('n'))
        .where(isForEverybody)
        .as('open'),
      eb
        .selectFrom('agents')
        .select(sql<number>`coalesce(sum(tasks_completed), 0)`.as('n'))
        .as('completed'),
    ]),
  { replan: true, scans: 'it counts everything, once a minute for all readers' },
);

/** Counts in a job of its own, because that reads whole indexes. */
const count: ApartJob<null, MarketCounts> = async (reader) => {
  const row = await reader.one(countAll, {});
  return { agents: row.agents ?? 0, open: row.open ?? 0, completed: row.completed ?? 0 };
};
export default count;

/** Creates the function that returns the counts, at most a minute old. Simultaneous calls share one count. */
export function marketCounts({ db, clock }: Pick<Context, 'db' | 'clock'>): () => Promise<MarketCounts> {
  return remembered(clock, { freshMs: minuteMs }, () =>
    db.runApart<null, MarketCounts>(new URL(import.meta.url), null, 'long'),
  );
}

/** A board of fewer tasks is counted anew when its number is a second old; a larger one, when it is a minute old. */
const countedAtOnce = 10_000;

const countOpen = counting('countOpenTasks', (db) => db.selectFrom('tasks').select('id').where(isForEverybody));

/** The number of tasks on the board that are for everybody. On a huge board, it is at most a minute old. */
export async function openTasks(reader: Reader, counts: () => Promise<MarketCounts>): Promise<number> {
  const { total } = await reader.one(countOpen, { limit: countedAtOnce });
  return total < countedAtOnce ? total : (await counts()).open;
}
