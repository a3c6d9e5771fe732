import type { ReportStatus } from '@pinchwork/sdk/table';
import { type Selectable, type SelectQueryBuilder, sql } from 'kysely';
import { counting, insertion, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

export type ReportRow = Selectable<Schema['reports']>;
export type ActionRow = Selectable<Schema['admin_actions']>;

/** Inserts an open report, unless the agent has reported the task already. */
export const reportOnce = prepared(
  'reportOnce',
  (db, p: { id: string; task_id: string; reporter_id: string; reason: string; created_at: number }) =>
    db
      .insertInto('reports')
      .values({
        id: p.id,
        task_id: p.task_id,
        reporter_id: p.reporter_id,
        reason: p.reason,
        status: sql.lit<ReportStatus>('open'),
        created_at: p.created_at,
      })
      .onConflict((conflict) => conflict.columns(['task_id', 'reporter_id']).doNothing()),
);

/** Locks a report before a decision, so that the log's `before` is what the decision found. */
export const holdReport = prepared('holdReport', (db, p: { id: string }, engine) =>
  engine.hold(db.selectFrom('reports').selectAll().where('id', '=', p.id)),
);

export const updateReport = prepared(
  'updateReport',
  (db, p: { id: string; status: ReportStatus; note: string | null; at: number }) =>
    db
      .updateTable('reports')
      .set({ status: p.status, note: p.note, decided_at: p.at })
      .where('id', '=', p.id)
      .returningAll(),
);

interface Page extends Params {
  /** The id before which the page begins. */
  before: string;
  limit: number;
  offset: number;
}

type ReportFilter = ReportStatus | 'any';

const withStatus = <O>(reports: SelectQueryBuilder<Schema, 'reports', O>, status: ReportFilter) =>
  status === 'any' ? reports : reports.where('status', '=', sql.lit(status));

/** A page of reports with a status, newest first. */
export const reportsPage = perShape((status: ReportFilter) =>
  prepared(`reportsPage ${status}`, (db, p: Page) =>
    withStatus(db.selectFrom('reports').selectAll(), status)
      .where('id', '<', p.before)
      .orderBy('id', 'desc')
      .limit(p.limit)
      .offset(p.offset),
  ),
);

export const countReports = perShape((status: ReportFilter) =>
  counting(`countReports ${status}`, (db) => withStatus(db.selectFrom('reports').select('id'), status)),
);

/** Tasks that the clock could not move. */
export const countStuck = counting('countStuck', (db) => db.selectFrom('stuck_timers').select('task_id'), {
  scans: 'the few tasks that failed, counted up to a limit',
});

/** When the clock must act next. */
export const firstDue = prepared('firstDue', (db, _: Params) =>
  db.selectFrom('tasks').select('due_at').where('due_at', 'is not', null).orderBy('due_at').orderBy('id').limit(1),
);

/** Locks a task that an agent reports. */
export const holdReported = prepared('holdReported', (db, p: { id: string }, engine) =>
  engine.hold(db.selectFrom('tasks').selectAll().where('id', '=', p.id)),
);

/** Makes a task expire as soon as it would be on the board again. */
export const expireOnReturn = prepared('expireOnReturn', (db, p: { id: string; now: number }) =>
  db.updateTable('tasks').set({ expires_at: p.now }).where('id', '=', p.id).where('expires_at', '>', p.now),
);

export const insertAction = insertion(
  'admin_actions',
  'id',
  'action',
  'subject',
  'address',
  'before',
  'after',
  'created_at',
);

/** A page of the operator's log, newest first. */
export const actionsPage = prepared('actionsPage', (db, p: Page) =>
  db
    .selectFrom('admin_actions')
    .selectAll()
    .where('id', '<', p.before)
    .orderBy('id', 'desc')
    .limit(p.limit)
    .offset(p.offset),
);

export const countActions = counting('countActions', (db) => db.selectFrom('admin_actions').select('id'));
