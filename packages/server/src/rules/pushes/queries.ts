import { type Selectable, sql } from 'kysely';
import { counting, type Params, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

/** The SQL of push configurations: webhooks of one task (A2A). They change under the lock of their task, or a lease. */

export type PushRow = Selectable<Schema['push_configs']>;

interface Named extends Params {
  task_id: string;
  name: string;
}

/** Adds a configuration, or replaces the one that has its name. A lease that a server holds ends. */
export const setPush = prepared(
  'setPush',
  (
    db,
    p: Named &
      Pick<PushRow, 'agent_id' | 'budget_id' | 'a2a_version' | 'url' | 'token' | 'auth_scheme' | 'auth_credentials'> &
      Pick<PushRow, 'told_version' | 'status' | 'since' | 'due_at' | 'forget_at'>,
  ) => {
    const of = {
      agent_id: p.agent_id,
      budget_id: p.budget_id,
      a2a_version: p.a2a_version,
      url: p.url,
      token: p.token,
      auth_scheme: p.auth_scheme,
      auth_credentials: p.auth_credentials,
      told_version: p.told_version,
      status: p.status,
      since: p.since,
      due_at: p.due_at,
      forget_at: p.forget_at,
    };
    return db
      .insertInto('push_configs')
      .values({ task_id: p.task_id, name: p.name, ...of })
      .onConflict((conflict) =>
        conflict
          .columns(['task_id', 'name'])
          .doUpdateSet({ ...of, tries: 0, failing: 0, leased_until: 0, leased_by: null }),
      );
  },
);

/** Locks a configuration. */
export const holdPush = prepared('holdPush', (db, p: Named, engine) =>
  engine.hold(db.selectFrom('push_configs').selectAll().where('task_id', '=', p.task_id).where('name', '=', p.name)),
);

/** The configurations of a task, which has few. */
export const pushesOf = prepared('pushesOf', (db, p: { task_id: string }) =>
  db.selectFrom('push_configs').selectAll().where('task_id', '=', p.task_id).orderBy('name'),
);

/** How many configurations an agent has, up to a limit. */
export const countPushes = counting('countPushes', (db, p: { agent_id: string }) =>
  db.selectFrom('push_configs').select('name').where('agent_id', '=', p.agent_id),
);

export const deletePush = prepared('deletePush', (db, p: Named) =>
  db.deleteFrom('push_configs').where('task_id', '=', p.task_id).where('name', '=', p.name),
);

/** Deletes the configurations of an agent that deletes itself. */
export const deletePushesOf = prepared('deletePushesOf', (db, p: { agent_id: string }) =>
  db.deleteFrom('push_configs').where('agent_id', '=', p.agent_id),
);

/** The latest time that a configuration can wait for, unless a clock was set back. */
interface Bound {
  readonly latest: number;
}

/**
 * Makes a task's configurations due. One that waits for its next attempt stays as it is, because notifications are sent
 * in order.
 */
export const callPushesOf = prepared('callPushesOf', (db, p: { task_id: string; now: number } & Params & Bound) =>
  db
    .updateTable('push_configs')
    .set({
      due_at: sql<number>`case when due_at > ${p.latest} then ${p.now} else coalesce(due_at, ${p.now}) end`,
      forget_at: null,
    })
    .where('task_id', '=', p.task_id),
);

/** The earliest time at which a configuration of a kind is to be served. */
export const nextPushAt = prepared('nextPushAt', (db, p: { failing: number }) =>
  db
    .selectFrom('push_configs')
    .select('ready_at')
    .where('failing', '=', p.failing)
    .where('ready_at', 'is not', null)
    .orderBy('ready_at')
    .limit(1),
);

interface Lease extends Params {
  leased_by: string;
  leased_until: number;
}

/** Leases at most `limit` ready configurations, longest wait first, except those that another server is taking. */
export const claimPushes = prepared(
  'claimPushes',
  (db, p: Lease & { failing: number; now: number; limit: number }, engine) =>
    db
      // A CTE, because PostgreSQL may run a subquery with a limit more than once.
      .with('ready', (with_) =>
        engine.skipLocked(
          with_
            .selectFrom('push_configs')
            .select(['task_id', 'name'])
            .where('failing', '=', p.failing)
            .where('ready_at', '<=', p.now)
            .orderBy('ready_at')
            .limit(p.limit),
          'push_configs',
        ),
      )
      .updateTable('push_configs')
      .set({ leased_by: p.leased_by, leased_until: p.leased_until })
      .where((eb) =>
        eb(
          eb.refTuple('task_id', 'name'),
          'in',
          eb.selectFrom('ready').select(['task_id', 'name']).$asTuple('task_id', 'name'),
        ),
      )
      .returning(['task_id', 'name', 'url']),
  { replan: true },
);

/** Writes what a step of a server has changed, if it still has the lease. */
export const keepPush = prepared(
  'keepPush',
  (
    db,
    p: Named &
      Pick<PushRow, 'told_version' | 'status' | 'since' | 'tries' | 'due_at' | 'failing' | 'forget_at'> & {
        leased_by: string | null;
        leased_until: number;
      },
  ) =>
    db
      .updateTable('push_configs')
      .set({
        told_version: p.told_version,
        status: p.status,
        since: p.since,
        tries: p.tries,
        due_at: p.due_at,
        failing: p.failing,
        forget_at: p.forget_at,
        leased_by: p.leased_by,
        leased_until: p.leased_until,
      })
      .where('task_id', '=', p.task_id)
      .where('name', '=', p.name),
);

/** Ends all leases, at the start of the only server of an embedded database. */
export const endPushLeases = prepared('endPushLeases', (db, p: { now: number }) =>
  db
    .updateTable('push_configs')
    .set({ leased_until: 0, leased_by: null })
    .where('failing', 'in', [sql.lit(0), sql.lit(1)])
    .where('ready_at', '>', p.now)
    .where('leased_by', 'is not', null),
);

/** Makes configurations due that wait for a time that is possible only if a clock was set back. */
export const freePushes = prepared('freePushes', (db, p: { now: number } & Params & Bound) =>
  db
    .updateTable('push_configs')
    .set({ due_at: p.now, leased_until: 0, leased_by: null })
    .where('failing', 'in', [sql.lit(0), sql.lit(1)])
    .where('ready_at', '>', p.latest),
);

/** What a notification says of its task, and whether its poster may be told. */
export const pushedTask = prepared('pushedTask', (db, p: { id: string }) =>
  db
    .selectFrom('tasks')
    .innerJoin('agents', 'agents.id', 'tasks.poster_id')
    .select(['tasks.version', 'tasks.status', 'tasks.result', 'agents.suspended_at'])
    .select(
      sql<string | null>`(select context_key from task_terms where task_terms.task_id = tasks.id)`.as('context_key'),
    )
    .where('tasks.id', '=', p.id),
);

/** The first transition of a task from a version on. */
export const transitionFrom = prepared('transitionFrom', (db, p: { task_id: string; version: number }) =>
  db
    .selectFrom('task_transitions')
    .select(['version', 'to_status', 'at'])
    .where('task_id', '=', p.task_id)
    .where('version', '>=', p.version)
    .orderBy('version')
    .limit(1),
);

/** A key of a budget that has not ended. */
export const keyOfBudget = prepared('keyOfBudget', (db, p: { agent_id: string; budget_id: string; now: number }) =>
  db
    .selectFrom('api_keys')
    .select('id')
    .where('agent_id', '=', p.agent_id)
    .where('budget_id', '=', p.budget_id)
    .where('ended_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', p.now)]))
    .limit(1),
);
