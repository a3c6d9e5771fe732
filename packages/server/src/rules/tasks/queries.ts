import type { TaskKind, TaskStatus } from '@pinchwork/sdk';
import { type ExpressionBuilder, type Selectable, sql, type SqlBool, type UpdateObject } from 'kysely';
import { isActive } from '../agents/queries.ts';
import { insertion, type Params, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import {
  type AdminTransition,
  type ClockTransition,
  kindsOf,
  type PersonTransition,
  type PlatformTransition,
  takesPrecedence,
  transition,
  type TransitionName,
} from './machine.ts';

/**
 * All SQL about tasks. States stand in the statements as literals, not as parameters: only then does a planner see
 * that a partial index covers the query.
 */
export type TaskRow = Selectable<Schema['tasks']>;

type TaskUpdate = UpdateObject<Schema, 'tasks'>;
type TaskExpressions = ExpressionBuilder<Schema, 'tasks'>;

const literal = (status: TaskStatus) => sql.lit(status);

/**
 * Whether anybody could do one of the platform's tasks about this one: an agent that takes them and is none of its
 * parties. Asked in the statement that makes it necessary, which spares a look of its own. SQLite answers with a count,
 * PostgreSQL with a flag.
 */
const hasHelper = sql<number | boolean>`exists (
  select 1 from agents as helper where helper.accepts_system_tasks = 1 and helper.suspended_at is null
    and helper.id <> tasks.poster_id and helper.id is distinct from tasks.worker_id)`.as('has_helper');

/** Whether any agent says in words what it is good at. */
const hasWords = sql<number | boolean>`exists (select 1 from agent_words)`.as('has_words');

export const insertTask = prepared(
  'insertTask',
  (
    db,
    p: {
      id: string;
      poster_id: string;
      need: string;
      context: string | null;
      tags: string;
      max_credits: number;
      fee_ppm: number;
      created_at: number;
      expires_at: number;
      deadline_at: number | null;
      review_timeout_minutes: number | null;
      claim_timeout_minutes: number | null;
    },
  ) =>
    db
      .insertInto('tasks')
      .values({
        id: p.id,
        poster_id: p.poster_id,
        need: p.need,
        context: p.context,
        tags: p.tags,
        max_credits: p.max_credits,
        fee_ppm: p.fee_ppm,
        status: 'posted',
        version: 1,
        created_at: p.created_at,
        expires_at: p.expires_at,
        deadline_at: p.deadline_at,
        review_timeout_minutes: p.review_timeout_minutes,
        claim_timeout_minutes: p.claim_timeout_minutes,
      })
      .returningAll()
      .returning([hasHelper, hasWords]),
);

/** The versions of many tasks, as a JSON list of their ids. */
export const taskVersions = prepared('taskVersions', (db, p: { tasks: string }, engine) =>
  db.selectFrom('tasks').select(['id', 'version']).where(engine.isListed('id', p.tasks)),
);

const plusOne =
  (column: 'version' | 'claim_number' | 'rejection_count' | 'claim_rejections') => (eb: TaskExpressions) =>
    eb(column, '+', 1);

/** A period that the task may set for itself, counted from the whole second `from`; else the configured one. */
const after = (from: number, minutes: 'claim_timeout_minutes' | 'review_timeout_minutes', defaultMs: number) =>
  sql<number>`${from} + coalesce(${sql.ref(minutes)} * 60000, ${defaultMs})`;

/** A deadline survives a rejection only if it does not fall before the end of the grace (contract section 3). */
const unlessBefore = (column: 'deadline_at' | 'claim_deadline_at', graceEnd: number) =>
  sql<number | null>`case when ${sql.ref(column)} >= ${graceEnd} then ${sql.ref(column)} end`;

const releaseClaim: TaskUpdate = {
  worker_id: null,
  matching_id: null,
  held_until: null,
  claim_deadline_at: null,
  grace_deadline_at: null,
  review_deadline_at: null,
  claim_rejections: 0,
};

/**
 * The statement of a transition: the guard of its row in `machine.ts` as the WHERE clause, the next state and what
 * goes with it as the SET clause. It changes one row or none; of any number who try at once, one changes it.
 */
function transitionStatement<P extends { id: string; now: number }>(
  name: TransitionName,
  set: (params: P) => TaskUpdate,
  guard: (eb: TaskExpressions, params: P) => ReturnType<TaskExpressions['and']>,
  condition: string,
) {
  const row = transition(name);
  const kinds = kindsOf(name).map((kind) => sql.lit(kind) as unknown as TaskKind);
  return prepared(`${name}${condition}`, (db, p: P & Params) =>
    db
      .updateTable('tasks')
      .set({ status: literal(row.to), version: plusOne('version') })
      .set(set(p))
      .where('id', '=', p.id)
      .where('status', '=', literal(row.from!))
      .where('kind', 'in', kinds)
      .where((eb) => guard(eb, p))
      .returningAll()
      .$if(name === 'deliver', (query) => query.returning(hasHelper)),
  );
}

/** A transition by a person: theirs to make, and no clock row due, be the clock's own pass ever so late. */
function byPerson<P extends { id: string; now: number; actor: string }>(
  name: PersonTransition,
  set: (params: P) => TaskUpdate,
  guard?: (eb: TaskExpressions, params: P) => ReturnType<TaskExpressions['and']>,
) {
  const row = transition(name);
  const owner = row.by === 'worker' ? 'worker_id' : 'poster_id';
  return transitionStatement<P>(
    name,
    set,
    (eb, p) =>
      eb.and([
        eb(owner, row.by === 'stranger' ? '<>' : '=', p.actor),
        eb('due_at', '>', p.now),
        ...(guard === undefined ? [] : [guard(eb, p)]),
      ]),
    `If${row.from}`,
  );
}

/** A transition by the clock: its own deadline is the one that is due, in the claim that the timer saw. */
function byClock(name: ClockTransition, set: TaskUpdate) {
  const column = transition(name).clock!;
  return transitionStatement<{ id: string; now: number; claim_number: number }>(
    name,
    () => set,
    (eb, p) =>
      eb.and([
        eb('claim_number', '=', p.claim_number),
        eb('due_at', '<=', p.now),
        eb(column, '=', eb.ref('due_at')),
        ...takesPrecedence(name).map((other) => eb.or([eb(other, 'is', null), eb(other, '>', eb.ref('due_at'))])),
      ]),
    'IfDue',
  );
}

interface PersonParams extends Params {
  id: string;
  now: number;
  actor: string;
}
interface ClaimParams extends PersonParams {
  /** Now, rounded up to the second from which the claim's time counts. */
  from: number;
  default_timeout: number;
}
interface WorkerParams extends PersonParams {
  /** The claim that the worker means, or null for whichever is current. */
  claim_number: number | null;
}
interface DeliverParams extends WorkerParams {
  result: string;
  credits: number | null;
  from: number;
  default_timeout: number;
}
interface RejectParams extends PersonParams {
  reason: string;
  feedback: string | null;
  grace_end: number;
  max_rejections: number;
}

/** Whether the agent in a column of the task is suspended. */
export const isSuspended = (eb: TaskExpressions, column: 'poster_id' | 'worker_id') =>
  eb.not(isActive(eb.ref(`tasks.${column}`)));

/** Nothing stands between this agent and a task: neither it nor the poster is suspended, nor must it pause. */
const mayClaim = (eb: TaskExpressions, { actor, now }: PersonParams) =>
  eb.not(
    eb.exists(
      eb
        .selectFrom('agents')
        .select('agents.id')
        .where((agent) => agent('agents.id', 'in', [agent.val(actor), agent.ref('tasks.poster_id')]))
        .where((agent) =>
          agent.or([
            agent('agents.suspended_at', 'is not', null),
            agent.and([agent('agents.id', '=', actor), agent('agents.pickups_paused_until', '>', now)]),
          ]),
        ),
    ),
  );

const isMeantClaim = (eb: TaskExpressions, p: WorkerParams) =>
  eb.and([eb('claim_number', '=', sql<number>`coalesce(${p.claim_number}, claim_number)`)]);

const rejection = (p: RejectParams): TaskUpdate => ({
  deadline_at: unlessBefore('deadline_at', p.grace_end),
  rejection_count: plusOne('rejection_count'),
  rejection_reason: p.reason,
  rejection_feedback: p.feedback,
  review_deadline_at: null,
  verification: null,
  verifier_id: null,
});

/** Never asked to match or check this task: whoever was, knows what others do not (contract section 6). */
const isNoInspector = (eb: TaskExpressions, { actor }: PersonParams) =>
  eb(sql`replace(inspectors, ${actor}, '')`, '=', eb.ref('inspectors'));

/** A task of the platform is of no use any more: somebody has had in hand what was to be matched, or what was to be checked has changed. */
const hasMovedOn = sql<SqlBool>`(tasks.kind = 'match' and (about.status <> 'posted' or about.claim_number > 0)
  or tasks.kind = 'verify' and about.version <> tasks.about_version)`;

/**
 * One that takes the platform's tasks, and is no party of what this one is about; which has not moved on, so that nobody
 * is paid for what nobody needs.
 */
const mayHelp = (eb: TaskExpressions, { actor }: PersonParams) =>
  eb.and([
    eb.exists(
      eb
        .selectFrom('agents as helper')
        .select('helper.id')
        .where('helper.id', '=', actor)
        .where('helper.accepts_system_tasks', '=', sql.lit(1)),
    ),
    eb('about_id', '<>', actor),
    eb.not(
      eb.exists(
        eb
          .selectFrom('tasks as about')
          .select('about.id')
          .whereRef('about.id', '=', 'tasks.about_id')
          .where((about) =>
            about.or([about('about.poster_id', '=', actor), about('about.worker_id', '=', actor), hasMovedOn]),
          ),
      ),
    ),
  ]);

/** Every transition but `post`, which inserts. */
export const personStatements = {
  claim: byPerson<ClaimParams>(
    'claim',
    (p) => ({
      worker_id: p.actor,
      claim_number: plusOne('claim_number'),
      claim_deadline_at: after(p.from, 'claim_timeout_minutes', p.default_timeout),
    }),
    (eb, p) => eb.and([mayClaim(eb, p), isNoInspector(eb, p)]),
  ),
  deliver: byPerson<DeliverParams>(
    'deliver',
    (p) => ({
      result: p.result,
      credits_charged: sql<number>`case when ${p.credits} < max_credits then ${p.credits} else max_credits end`,
      delivered_at: p.now,
      review_deadline_at: after(p.from, 'review_timeout_minutes', p.default_timeout),
      grace_deadline_at: null,
    }),
    isMeantClaim,
  ),
  approve: byPerson<PersonParams>('approve', () => ({})),
  reject: byPerson<RejectParams>(
    'reject',
    (p) => ({
      ...rejection(p),
      claim_deadline_at: unlessBefore('claim_deadline_at', p.grace_end),
      grace_deadline_at: p.grace_end,
      claim_rejections: plusOne('claim_rejections'),
    }),
    (eb, p) =>
      eb.and([eb(eb('claim_rejections', '+', 1), '<', p.max_rejections), eb.not(isSuspended(eb, 'worker_id'))]),
  ),
  rejectForGood: byPerson<RejectParams>(
    'rejectForGood',
    (p) => ({ ...rejection(p), ...releaseClaim }),
    (eb, p) => eb.or([eb(eb('claim_rejections', '+', 1), '>=', p.max_rejections), isSuspended(eb, 'worker_id')]),
  ),
  abandon: byPerson<WorkerParams>('abandon', () => releaseClaim, isMeantClaim),
  cancel: byPerson<PersonParams>('cancel', () => ({})),
  claimSystem: byPerson<PersonParams & { extract_until: number }>(
    'claimSystem',
    (p) => ({
      worker_id: p.actor,
      claim_number: plusOne('claim_number'),
      claim_deadline_at: sql<number>`case kind when 'extract' then ${p.extract_until} else expires_at end`,
    }),
    (eb, p) => eb.and([mayClaim(eb, p), mayHelp(eb, p)]),
  ),
  answer: byPerson<WorkerParams & { result: string }>(
    'answer',
    (p) => ({ result: p.result, credits_charged: sql.ref<number>('max_credits'), delivered_at: p.now }),
    isMeantClaim,
  ),
  abandonSystem: byPerson<WorkerParams>('abandonSystem', () => releaseClaim, isMeantClaim),
} satisfies Record<PersonTransition, unknown>;

export const clockStatements = {
  missDeadline: byClock('missDeadline', {}),
  expire: byClock('expire', {}),
  loseToDeadline: byClock('loseToDeadline', { ...releaseClaim, deadline_at: null }),
  timeOutClaim: byClock('timeOutClaim', releaseClaim),
  endGrace: byClock('endGrace', releaseClaim),
  approveByTime: byClock('approveByTime', {}),
  dropUnclaimed: byClock('dropUnclaimed', {}),
  dropClaimed: byClock('dropClaimed', releaseClaim),
  expireSystem: byClock('expireSystem', {}),
} satisfies Record<ClockTransition, unknown>;

/** What follows from the operator's doing, where the clock has nothing due. */
export const adminStatements = {
  dismissWorker: transitionStatement<{ id: string; now: number }>(
    'dismissWorker',
    () => releaseClaim,
    (eb, p) => eb.and([eb('due_at', '>', p.now), isSuspended(eb, 'worker_id')]),
    'IfSuspended',
  ),
} satisfies Record<AdminTransition, unknown>;

/** What follows from something else in the same transaction. */
export const platformStatements = {
  withdraw: transitionStatement<{ id: string; now: number }>(
    'withdraw',
    () => ({}),
    (eb) =>
      eb.exists(
        eb
          .selectFrom('tasks as about')
          .select('about.id')
          .whereRef('about.id', '=', 'tasks.about_id')
          .where(hasMovedOn),
      ),
    'IfUnneeded',
  ),
} satisfies Record<PlatformTransition, unknown>;

export const insertTransition = insertion(
  'task_transitions',
  'task_id',
  'version',
  'transition',
  'from_status',
  'to_status',
  'actor_id',
  'worker_id',
  'claim_number',
  'at',
  'poster_event',
  'worker_event',
);

/** A row of a task's history. */
export const transitionAt = prepared('transitionAt', (db, p: { task_id: string; version: number }) =>
  db.selectFrom('task_transitions').selectAll().where('task_id', '=', p.task_id).where('version', '=', p.version),
);

/** The end of the newest claim that is over: the row of the history that took the task from its worker. */
export const latestClaimEnd = prepared('latestClaimEnd', (db, p: { task_id: string }) =>
  db
    .selectFrom('task_transitions')
    .selectAll()
    .where('task_id', '=', p.task_id)
    .where((eb) =>
      eb.or([
        eb('to_status', '=', literal('posted')),
        eb('transition', '=', sql.lit('dropClaimed' satisfies TransitionName)),
      ]),
    )
    .where('claim_number', '>', 0)
    .orderBy('version', 'desc')
    .limit(1),
);

export const insertRejectedDelivery = insertion(
  'rejected_deliveries',
  'task_id',
  'version',
  'claim_number',
  'worker_id',
  'result',
  'credits_charged',
  'delivered_at',
  'rejected_at',
  'reason',
  'feedback',
);

export const taskById = prepared('taskById', (db, p: { id: string }) =>
  db.selectFrom('tasks').selectAll().where('id', '=', p.id),
);

/** A task whose time has come, held for this transaction; none when another node holds it or it is not due. */
export const lockDueTask = prepared('lockDueTask', (db, p: { id: string; now: number }, engine) =>
  engine.skipLocked(
    db.selectFrom('tasks').selectAll('tasks').where('tasks.id', '=', p.id).where('due_at', '<=', p.now),
    'tasks',
  ),
);

/** A task on the board, held for this transaction; none when another one holds it. */
export const lockPostedTask = prepared('lockPostedTask', (db, p: { id: string }, engine) =>
  engine.skipLocked(
    db.selectFrom('tasks').select('tasks.id').where('tasks.id', '=', p.id).where('status', '=', literal('posted')),
    'tasks',
  ),
);

/** Tasks that an agent has claimed and not delivered. */
export const claimsOf = prepared('claimsOf', (db, p: { worker: string; limit: number }) =>
  db
    .selectFrom('tasks')
    .select(['id', 'worker_id'])
    .where('worker_id', '=', p.worker)
    .where('status', '=', literal('claimed'))
    .orderBy('created_at')
    .orderBy('id')
    .limit(p.limit),
);

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
