import { isId, platformId } from '@pinchwork/sdk';
import { sql } from 'kysely';
import { minuteMs } from '../ground/clock.ts';
import type { Context } from './context.ts';
import { taskById, type TaskRow } from '../rules/tasks/queries.ts';
import { isHidden } from '../rules/tasks/refusal.ts';
import { taskNotFound } from '../ground/errors.ts';
import { isActive } from '../rules/agents/queries.ts';
import type { ApartJob } from '../storage/database.ts';
import { type Params, prepared } from '../storage/prepared.ts';
import { boardStates } from '../ground/states.ts';
import { statusIn } from '../storage/status.ts';

/** Public counts of the market: registered agents, tasks on the board, completed tasks. */
interface Counts {
  readonly agents: number;
  readonly open: number;
  readonly completed: number;
}

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
        .where(statusIn('status', boardStates))
        .where('kind', '=', sql.lit('work'))
        .as('open'),
      eb
        .selectFrom('agents')
        .select(sql<number>`coalesce(sum(tasks_completed), 0)`.as('n'))
        .as('completed'),
    ]),
  { replan: true, bounded: 'everything, counted once a minute for all readers' },
);

/** Counts in a job of its own, because that reads whole indexes. */
const count: ApartJob<null, Counts> = async (reader) => {
  const row = await reader.one(countAll, {});
  return { agents: row.agents ?? 0, open: row.open ?? 0, completed: row.completed ?? 0 };
};
export default count;

/** Creates the function that returns the counts, at most a minute old. Simultaneous calls share one count. */
export function marketCounts({ db, clock }: Pick<Context, 'db' | 'clock'>): () => Promise<Counts> {
  let known: { counts: Promise<Counts>; until: number } | undefined;
  return () => {
    const now = clock.now();
    if (known === undefined || now >= known.until || now < known.until - minuteMs) {
      const counts = db.runApart<null, Counts>(new URL(import.meta.url), null, 'long');
      known = { counts, until: now + minuteMs };
      counts.catch(() => (known = undefined));
    }
    return known.counts;
  };
}

const newestReach = 1_000;

/** The newest tasks on the board, for everybody to see. */
export const listNewest = ({ db, clock }: Context, limit: number): Promise<NewestTask[]> =>
  db.all(newestTasks, { now: clock.now(), limit });

type NewestTask = Pick<TaskRow, 'id' | 'need' | 'tags' | 'max_credits' | 'status' | 'created_at'>;

/**
 * Finds a task for everybody to see. System tasks contain other agents' texts, so only their workers see them.
 *
 * @throws DomainError `not_found`, also for a system task and for one whose poster is suspended.
 */
export async function showPublicly({ db }: Context, id: string): Promise<TaskRow> {
  const task = isId('task', id) ? await db.first(taskById, { id }) : undefined;
  if (task?.kind !== 'work' || (await isHidden(db, task))) throw taskNotFound();
  return task;
}

/** The newest tasks of active posters, among the newest `newestReach` tasks on the board. */
const newestTasks = prepared('newestTasks', (db, p: { now: number; limit: number }) => {
  const newest = db
    .selectFrom('tasks')
    .select(['id', 'poster_id', 'created_at'])
    .where(statusIn('status', boardStates))
    .where('kind', '=', sql.lit('work'))
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
});
