import { present } from '../../ground/present.ts';
import { type ExpressionBuilder, type Selectable, sql } from 'kysely';
import { transitions } from '../../ground/machine.ts';
import { boardStates } from '../../ground/states.ts';
import { claimEnds } from '../../ground/transitions.ts';
import { prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import { statusIn } from '../../storage/status.ts';
import { isActive } from '../agents/queries.ts';

/** A task. The queries here read tasks and their history. */
export type TaskRow = Selectable<Schema['tasks']>;

/** The columns that the consequences of a transition need (`lifecycle/transition.ts`). */
export const recordedColumns = [
  'id',
  'kind',
  'status',
  'version',
  'poster_id',
  'worker_id',
  'tags',
  'has_terms',
  'created_at',
  'max_credits',
  'fee_ppm',
  'credits_charged',
  'delivered_at',
  'claim_number',
  'match_count',
  'is_for_chosen',
  'matching_id',
  'verifying_id',
  'hints',
  'rejection_count',
  'deliveries_left',
  'rejection_reason',
  'rejection_feedback',
  'grace_deadline_at',
  'texts_removed',
] as const satisfies readonly (keyof TaskRow)[];

/** Also the columns that verbs and replies need. Statements return no others, because each column costs time. */
export const movedColumns = [
  ...recordedColumns,
  'need',
  'context',
  'result',
  'deadline_at',
  'claim_deadline_at',
  'heartbeat_deadline_at',
  'progress',
  'progress_note',
  'review_timeout_minutes',
  'claim_timeout_minutes',
  'verification',
  'about_id',
  'about_version',
  'candidates',
] as const satisfies readonly (keyof TaskRow)[];

export type RecordedTask = Pick<TaskRow, (typeof recordedColumns)[number]>;
export type MovedTask = Pick<TaskRow, (typeof movedColumns)[number]>;

/** The id of the task or agent that a system task is about. */
export const aboutOf = ({ about_id }: Pick<TaskRow, 'about_id'>): string =>
  present(about_id, 'What a system task is about');

export type TaskExpressions = ExpressionBuilder<Schema, 'tasks'>;

/** Whether the agent named by a column of the task is suspended. */
export const isSuspended = (eb: TaskExpressions, column: 'poster_id' | 'worker_id') =>
  eb.not(isActive(eb.ref(`tasks.${column}`)));

export const taskById = prepared('taskById', (db, p: { id: string }) =>
  db.selectFrom('tasks').selectAll().where('id', '=', p.id),
);

/** The versions of the tasks in a JSON list of ids. */
export const taskVersions = prepared('taskVersions', (db, p: { tasks: string }, engine) =>
  db.selectFrom('tasks').select(['id', 'version']).where(engine.isListed('id', p.tasks)),
);

/** A rejected delivery of a claim, if there is any. */
export const rejectionOfClaim = prepared('rejectionOfClaim', (db, p: { task_id: string; claim_number: number }) =>
  db
    .selectFrom('rejected_deliveries')
    .select('version')
    .where('task_id', '=', p.task_id)
    .where('claim_number', '=', p.claim_number)
    .limit(1),
);

/** A current or earlier claim of an agent on a task. */
export const claimBy = prepared('claimBy', (db, p: { task_id: string; worker: string }) =>
  db
    .selectFrom('task_transitions')
    .select('claim_number')
    .where('task_id', '=', p.task_id)
    .where('worker_id', '=', p.worker)
    .limit(1),
);

/** A row of a task's history. */
export const transitionAt = prepared('transitionAt', (db, p: { task_id: string; version: number }) =>
  db.selectFrom('task_transitions').selectAll().where('task_id', '=', p.task_id).where('version', '=', p.version),
);

/** The newest rows of a task's history, newest first. */
export const historyOf = prepared('historyOf', (db, p: { task_id: string; limit: number }) =>
  db
    .selectFrom('task_transitions')
    .selectAll()
    .where('task_id', '=', p.task_id)
    .orderBy('version', 'desc')
    .limit(p.limit),
);

/** The end of the last claim that is over: the newest row of the history that took the task from a worker. */
export const latestClaimEnd = prepared('latestClaimEnd', (db, p: { task_id: string }) =>
  db
    .selectFrom('task_transitions')
    .selectAll()
    .where('task_id', '=', p.task_id)
    .where(sql<boolean>`transition in (${sql.join(claimEnds.map((name) => sql.lit(name)))})`)
    .orderBy('version', 'desc')
    .limit(1),
);

/** Locks a task, before what is true of it only as long as nobody changes it: a message, a text, an action on it. */
export const holdTask = prepared('holdTask', (db, p: { id: string }, engine) =>
  engine.hold(
    db
      .selectFrom('tasks')
      .select(['id', 'kind', 'status', 'created_at', 'due_at', 'poster_id', 'worker_id', 'claim_number'])
      .select(['tags', 'hints', 'texts_removed'])
      .where('id', '=', p.id),
  ),
);

/** A locked task. */
export type HeldTask = NonNullable<(typeof holdTask)['types']>['row'];

/** Locks a task on the board; no row if another transaction has locked it. */
export const lockPostedTask = prepared('lockPostedTask', (db, p: { id: string }, engine) =>
  engine.skipLocked(
    db.selectFrom('tasks').select('tasks.id').where('tasks.id', '=', p.id).where(statusIn('status', boardStates)),
    'tasks',
  ),
);

/** The tasks that an agent loses when it is suspended: claimed and not delivered. */
export const claimsOf = prepared('claimsOf', (db, p: { worker: string; limit: number }) =>
  db
    .selectFrom('tasks')
    .select(['id', 'worker_id'])
    .where('worker_id', '=', p.worker)
    .where(statusIn('status', [transitions.dismissWorker.from]))
    .orderBy('created_at')
    .orderBy('id')
    .limit(p.limit),
);
