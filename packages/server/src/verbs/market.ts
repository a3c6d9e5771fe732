import { isId, platformId, type TaskStatus } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { minuteMs } from '../ground/clock.ts';
import type { Context, MarketCounts } from './context.ts';
import { historyOf, taskById, type TaskRow } from '../rules/tasks/queries.ts';
import { isPreviewed } from '../rules/tasks/public.ts';
import { taskNotFound } from '../ground/errors.ts';
import { isActive, standingOf } from '../rules/agents/queries.ts';
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

/** So many tasks on the board are counted for each second; more are counted once a minute. */
const countedAtOnce = 10_000;

const countOpen = counting('countOpenTasks', (db) => db.selectFrom('tasks').select('id').where(isForEverybody));

/** The number of tasks on the board that are for everybody. On a huge board, it is at most a minute old. */
export async function openTasks(reader: Reader, counts: () => Promise<MarketCounts>): Promise<number> {
  const { total } = await reader.one(countOpen, { limit: countedAtOnce });
  return total < countedAtOnce ? total : (await counts()).open;
}

const newestReach = 1_000;

/** The newest tasks on the board, for everybody to see. */
export const listNewest = ({ db, clock }: Context, limit: number): Promise<NewestTask[]> =>
  db.all(newestTasks, { now: clock.now(), limit });

type NewestTask = Pick<TaskRow, 'id' | 'need' | 'tags' | 'max_credits' | 'status' | 'created_at'>;

/** At most this many steps of a task's history are shown. */
const mostSteps = 50;

/** A task as everybody sees it. */
interface PublicTask {
  readonly task: TaskRow;
  /** Whether its texts may be previewed. */
  readonly isPreviewed: boolean;
  /** The states that it has been in, oldest first: the newest `mostSteps`. */
  readonly steps: readonly { readonly status: TaskStatus; readonly at: number }[];
}

/**
 * Finds a task for everybody to see (contract section 2, "Who sees what"). System tasks contain other agents' texts, so
 * only their workers see them.
 *
 * @throws DomainError `not_found`, also for a system task and for one whose poster is suspended.
 */
export async function showPublicly({ db }: Context, id: string): Promise<PublicTask> {
  const task = isId('task', id) ? await db.first(taskById, { id }) : undefined;
  if (task?.kind !== 'work' || (await isSuspended(db, task.poster_id))) throw taskNotFound();
  const history = await db.all(historyOf, { task_id: id, limit: mostSteps });
  return {
    task,
    isPreviewed: isPreviewed(task),
    steps: history.reverse().map(({ to_status, at }) => ({ status: to_status, at })),
  };
}

const isSuspended = async (db: Reader, agentId: string) =>
  (await db.first(standingOf, { id: agentId }))?.suspended_at != null;

/** The newest tasks of active posters, among the newest `newestReach` tasks on the board. */
const newestTasks = prepared(
  'newestTasks',
  (db, p: { now: number; limit: number }) => {
    const newest = db
      .selectFrom('tasks')
      .select(['id', 'poster_id', 'created_at'])
      .where(isForEverybody)
      .where('due_at', '>', p.now)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(sql.lit(newestReach))
      .as('newest');
    const shown = db
      .selectFrom(newest)
      .select('newest.id')
      .where(isActive(sql.ref('newest.poster_id')))
      .orderBy('newest.created_at', 'desc')
      .orderBy('newest.id', 'desc')
      .limit(p.limit)
      .as('shown');
    return db
      .selectFrom(shown)
      .crossJoin('tasks')
      .whereRef('tasks.id', '=', 'shown.id')
      .select(['tasks.id', 'need', 'tags', 'max_credits', 'status', 'created_at'])
      .orderBy('created_at', 'desc')
      .orderBy('tasks.id', 'desc');
  },
  { bounded: 'the newest `newestReach` tasks on the board' },
);
