import { prepared } from '../../storage/prepared.ts';

/** What the clock has to do, and the tasks for which it failed to do so. */

/** The tasks whose time has come, the longest overdue first, without those set aside. */
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

/** When the clock acts next, after `after`. */
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

/** A task whose time has come, held for this transaction; none when another node holds it or it is not due. */
export const lockDueTask = prepared('lockDueTask', (db, p: { id: string; now: number }, engine) =>
  engine.skipLocked(
    db.selectFrom('tasks').selectAll('tasks').where('tasks.id', '=', p.id).where('due_at', '<=', p.now),
    'tasks',
  ),
);
