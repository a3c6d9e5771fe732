import { prepared } from '../../storage/prepared.ts';

/** Tasks that the clock must move, and those that it failed to move. */

/** Tells the clock on this server that a task is due that was not before. */
export const clockDue = Symbol('a task is due');

/** Due tasks, longest overdue first, except those set aside after a failure. */
export const dueTasks = prepared('dueTasks', (db, p: { now: number; limit: number }) =>
  db
    .selectFrom('tasks')
    .select(['id', 'due_at'])
    .where('due_at', '<=', p.now)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('stuck_timers')
            .select('task_id')
            .whereRef('stuck_timers.task_id', '=', 'tasks.id')
            .where('retry_at', '>', p.now),
        ),
      ),
    )
    .orderBy('due_at')
    .orderBy('id')
    .limit(p.limit),
);

/** The next due time later than `after`. */
export const nextDueAt = prepared('nextDueAt', (db, p: { after: number }) =>
  db.selectFrom('tasks').select('due_at').where('due_at', '>', p.after).orderBy('due_at').limit(1),
);

export const setAside = prepared(
  'setAside',
  (db, p: { task_id: string; due_at: number; error: string; retry_at: number }) =>
    db
      .insertInto('stuck_timers')
      .values({ task_id: p.task_id, due_at: p.due_at, attempts: 1, error: p.error, retry_at: p.retry_at })
      .onConflict((conflict) =>
        conflict.column('task_id').doUpdateSet((eb) => ({
          attempts: eb('stuck_timers.attempts', '+', 1),
          error: p.error,
          retry_at: p.retry_at,
        })),
      ),
);

export const clearStuckTimer = prepared('clearStuckTimer', (db, p: { task_id: string }) =>
  db.deleteFrom('stuck_timers').where('task_id', '=', p.task_id),
);

/** Locks a due task; no row if another server has locked it or it is not due. */
export const lockDueTask = prepared('lockDueTask', (db, p: { id: string; now: number }, engine) =>
  engine.skipLocked(
    db.selectFrom('tasks').selectAll('tasks').where('tasks.id', '=', p.id).where('due_at', '<=', p.now),
    'tasks',
  ),
);
