import { sql } from 'kysely';
import { listed, type Params, perShape, prepared } from '../../storage/prepared.ts';

/** What the operator reads about one task or one agent: of each list the newest rows. */
interface OfTask extends Params {
  task_id: string;
  limit: number;
}

export const rejectedOf = prepared('rejectedOf', (db, p: OfTask) =>
  db
    .selectFrom('rejected_deliveries')
    .selectAll()
    .where('task_id', '=', p.task_id)
    .orderBy('version', 'desc')
    .limit(p.limit),
);

export const newestQuestions = prepared('newestQuestions', (db, p: OfTask) =>
  db.selectFrom('questions').selectAll().where('task_id', '=', p.task_id).orderBy('id', 'desc').limit(p.limit),
);

export const newestMessages = prepared('newestMessages', (db, p: OfTask) =>
  db.selectFrom('messages').selectAll().where('task_id', '=', p.task_id).orderBy('id', 'desc').limit(p.limit),
);

export const reviewsOf = prepared('reviewsOf', (db, p: OfTask) =>
  db.selectFrom('reviews').selectAll().where('task_id', '=', p.task_id).orderBy('reviewer_id').limit(p.limit),
);

export const reportsOf = prepared(
  'reportsOf',
  (db, p: OfTask) =>
    db.selectFrom('reports').selectAll().where('task_id', '=', p.task_id).orderBy('id', 'desc').limit(p.limit),
  { bounded: 'the reports of one task, one of each agent' },
);

/** The ids of the system tasks about a task. */
export const systemTasksOf = prepared(
  'systemTasksOf',
  (db, p: OfTask) =>
    db
      .selectFrom('tasks')
      .select('id')
      .where('about_id', '=', p.task_id)
      .where('kind', '<>', sql.lit('work'))
      .orderBy('id', 'desc')
      .limit(p.limit),
  { bounded: 'the system tasks about one task' },
);

/** The transfers of a task's escrow. */
export const transfersOf = prepared('transfersOf', (db, p: { account: string; limit: number }) =>
  db
    .selectFrom('ledger_entries')
    .select('transfer_id')
    .where('account_id', '=', p.account)
    .orderBy('transfer_id', 'desc')
    .limit(p.limit),
);

export const entriesOf = prepared('entriesOf', (db, p: { transfer: string }) =>
  db.selectFrom('ledger_entries').selectAll().where('transfer_id', '=', p.transfer).orderBy('account_id'),
);

/** The operator's actions on one agent, task or report. */
export const actionsOn = prepared('actionsOn', (db, p: { subject: string; limit: number }) =>
  db.selectFrom('admin_actions').selectAll().where('subject', '=', p.subject).orderBy('id', 'desc').limit(p.limit),
);

export const reportsBy = prepared('reportsBy', (db, p: { reporter: string; limit: number }) =>
  db.selectFrom('reports').selectAll().where('reporter_id', '=', p.reporter).orderBy('id', 'desc').limit(p.limit),
);

/** The reports of `count` tasks. */
export const reportsAbout = perShape((count: number) =>
  prepared(
    `reportsAbout${count}Tasks`,
    (db, p: Params & { limit: number }) =>
      db
        .selectFrom('reports')
        .selectAll()
        .where('task_id', 'in', listed(p, 'id', count))
        .orderBy('id', 'desc')
        .limit(p.limit),
    { bounded: 'the reports of some tasks, one of each agent', replan: true },
  ),
);
