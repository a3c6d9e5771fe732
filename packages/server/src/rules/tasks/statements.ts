import { sql } from 'kysely';
import type {
  ActionName,
  AdminTransition,
  ClockTransition,
  PersonTransition,
  PlatformTransition,
} from '../../ground/transitions.ts';
import { type Params, prepared } from '../../storage/prepared.ts';
import { type ClaimLimits, claimsLeftOf, mayClaimMore, mayClaimMoreSystemTasks } from '../agents/claims.ts';
import type { HelpParams } from '../agents/helpers.ts';
import { barredWith, hasHelper, hasMovedOn, isNotBarred, isSeated, mayClaim, mayHelp } from './guards.ts';
import { isForAgent } from './offers.ts';
import { isSuspended, type TaskExpressions } from './queries.ts';
import { byAction, byClock, byPerson, plusOne, type TaskUpdate, transitionStatement } from './statement.ts';

/** One guarded statement for each row of the table of transitions, with the columns that it changes. */

interface PersonParams extends Params {
  id: string;
  now: number;
  actor: string;
}
interface ClaimParams extends PersonParams, ClaimLimits {
  /** Start of the claim's time: now, rounded up to a whole second. */
  from: number;
  default_timeout: number;
}
interface WorkerParams extends PersonParams {
  /** The claim that the worker means; null for the current one. */
  claim_number: number | null;
}
interface DeliverParams extends WorkerParams {
  result: string;
  credits: number | null;
  from: number;
  default_timeout: number;
  /** The claim whose result was compared with the acceptance; null where nothing was. */
  checked_claim: number | null;
  /** Which infra agents may verify it (`rules/agents/helpers.ts`). */
  least_named: number;
}
interface HeartbeatParams extends WorkerParams {
  /** Start of the new lease: now, rounded up to a whole second. */
  from: number;
  /** What is reported; null leaves it as it is. */
  progress: number | null;
  note: string | null;
}
interface DisputeParams extends PersonParams {
  deadline: number;
}
interface RejectParams extends PersonParams {
  reason: string;
  feedback: string | null;
  /** 1: the worker may deliver no more, and never claims this task again. */
  exclude: number;
  /** Start of the grace: now, rounded up to a whole second. */
  from: number;
  default_grace: number;
  /** The shortest grace after the last rejection of a claim. */
  last_grace: number;
  max_rejections: number;
}

/**
 * The end of a period that starts at `from`: of the task's own length in minutes, or of the configured one in
 * milliseconds.
 */
const after = (from: number, minutes: 'claim_timeout_minutes' | 'review_timeout_minutes', defaultMs: number) =>
  sql<number>`${from} + coalesce(${sql.ref(minutes)} * 60000, ${defaultMs})`;

/** The end of a lease that begins at `from`; null where the task asks for no heartbeats. */
const leaseEnd = (from: number) => sql<number | null>`case when has_terms = 1 then
    (select ${from} + terms.heartbeat_minutes * 60000 from task_terms terms where terms.task_id = tasks.id) end`;

/** How many deliveries the claim has left after this rejection. */
const deliveriesLeft = (p: RejectParams) => sql<number>`case when ${p.exclude} = 1 then 0
  when coalesce(deliveries_left, ${p.max_rejections}) > 1 then coalesce(deliveries_left, ${p.max_rejections}) - 1
  else 0 end`;

/** The end of the grace: of the task's own length or of the configured one; after the last rejection at least `last_grace`. */
function graceEnd(p: RejectParams) {
  const own = sql<number>`coalesce(case when has_terms = 1
    then (select t.grace_minutes * 60000 from task_terms t where t.task_id = tasks.id) end, ${p.default_grace})`;
  return sql<number>`${p.from} + case when (${deliveriesLeft(p)}) = 0 and ${own} < ${p.last_grace}
    then ${p.last_grace} else ${own} end`;
}

/** A rejection removes a deadline that is before the end of the grace (contract section 3). */
const unlessBefore = (column: 'deadline_at' | 'claim_deadline_at', p: RejectParams) =>
  sql<number | null>`case when ${sql.ref(column)} >= ${graceEnd(p)} then ${sql.ref(column)} end`;

/** A text that is stored unless the task's texts were removed: then what is written later is not kept either. */
const unlessRemoved = (text: string | null, removed: '' | null = null) =>
  sql<string | null>`case when texts_removed is null then ${text} else ${sql.lit(removed)} end`;

const nothing = (): TaskUpdate => ({});

/** What every end of a dispute clears. */
const closed: TaskUpdate = { dispute_due_at: null, dispute_credits: null };

/** The worker never gets the task again: it lost the dispute, or withdrew it. */
const closedForWorker: TaskUpdate = {
  ...closed,
  barred: barredWith(sql.ref('worker_id')),
};

const isMeantClaim = (eb: TaskExpressions, p: WorkerParams) =>
  eb.and([eb('claim_number', '=', sql<number>`coalesce(${p.claim_number}, claim_number)`)]);

/** A task with terms may have an acceptance, which the result is compared with before the transaction. */
const isChecked = (eb: TaskExpressions, { checked_claim }: DeliverParams) =>
  eb.or([eb('has_terms', '=', 0), eb('claim_number', '=', checked_claim)]);

const rejection = (p: RejectParams): TaskUpdate => ({
  deadline_at: unlessBefore('deadline_at', p),
  rejection_count: plusOne('rejection_count'),
  rejection_reason: unlessRemoved(p.reason, ''),
  rejection_feedback: unlessRemoved(p.feedback),
  review_deadline_at: null,
  verification: null,
  verifier_id: null,
  barred: sql<string>`case when ${p.exclude} = 1 then barred || worker_id || ' ' else barred end`,
});

/** The transitions by agents, except `post`, which is an insert. */
export const personStatements = {
  claim: byPerson<ClaimParams>(
    'claim',
    (p) => ({
      worker_id: p.actor,
      claim_number: plusOne('claim_number'),
      claim_deadline_at: after(p.from, 'claim_timeout_minutes', p.default_timeout),
      heartbeat_deadline_at: leaseEnd(p.from),
    }),
    (eb, p) => eb.and([mayClaim(eb, p), isNotBarred(eb, p), isForAgent('tasks', p.actor), mayClaimMore(p.actor, p)]),
    (p) => claimsLeftOf(p.actor, p),
  ),
  deliver: byPerson<DeliverParams>(
    'deliver',
    (p) => ({
      result: unlessRemoved(p.result),
      credits_charged: sql<number>`case when ${p.credits} < max_credits then ${p.credits} else max_credits end`,
      delivered_at: p.now,
      review_deadline_at: after(p.from, 'review_timeout_minutes', p.default_timeout),
      grace_deadline_at: null,
      heartbeat_deadline_at: null,
    }),
    (eb, p) => eb.and([isMeantClaim(eb, p), isChecked(eb, p), eb(sql`coalesce(deliveries_left, 1)`, '>', 0)]),
    (p) => hasHelper(p.least_named),
  ),
  approve: byPerson<PersonParams>('approve', nothing),
  reject: byPerson<RejectParams>(
    'reject',
    (p) => ({
      ...rejection(p),
      claim_deadline_at: unlessBefore('claim_deadline_at', p),
      grace_deadline_at: graceEnd(p),
      deliveries_left: deliveriesLeft(p),
    }),
    (eb) => eb.not(isSuspended(eb, 'worker_id')),
  ),
  rejectSuspended: byPerson<RejectParams>('rejectSuspended', rejection, (eb) => isSuspended(eb, 'worker_id')),
  abandon: byPerson<WorkerParams>('abandon', nothing, isMeantClaim),
  dispute: byPerson<DisputeParams>(
    'dispute',
    (p) => ({
      claim_deadline_at: null,
      grace_deadline_at: null,
      heartbeat_deadline_at: null,
      dispute_due_at: p.deadline,
    }),
    (eb) => eb.and([eb('grace_deadline_at', 'is not', null)]),
  ),
  withdrawDispute: byPerson<WorkerParams>('withdrawDispute', () => closedForWorker, isMeantClaim),
  concede: byPerson<PersonParams>('concede', () => closed),
  cancel: byPerson<PersonParams>('cancel', nothing),
  claimSystem: byPerson<PersonParams & HelpParams & { extract_until: number }>(
    'claimSystem',
    (p) => ({
      worker_id: p.actor,
      claim_number: plusOne('claim_number'),
      claim_deadline_at: sql<number>`case kind when 'extract' then ${p.extract_until} else expires_at end`,
    }),
    (eb, p) =>
      eb.and([
        mayClaim(eb, p),
        eb.or([
          eb.and([eb('kind', '<>', sql.lit('judge')), mayHelp(eb, { actor: p.actor, p })]),
          eb.and([eb('kind', '=', sql.lit('judge')), isSeated(p.actor)]),
        ]),
        mayClaimMoreSystemTasks(p.actor),
      ]),
  ),
  answer: byPerson<WorkerParams & { result: string }>(
    'answer',
    (p) => ({
      // Neither is an answer stored that is about a task whose texts were removed meanwhile.
      result: sql<string | null>`case when texts_removed is null
        and (select about.texts_removed from tasks as about where about.id = tasks.about_id) is null then ${p.result} end`,
      credits_charged: sql.ref<number>('max_credits'),
      delivered_at: p.now,
    }),
    isMeantClaim,
  ),
  abandonSystem: byPerson<WorkerParams>('abandonSystem', nothing, isMeantClaim),
} satisfies Record<PersonTransition, unknown>;

/** What agents do to a task without moving it. */
export const actionStatements = {
  heartbeat: byAction<HeartbeatParams>(
    'heartbeat',
    (p) => ({
      // None is due in a grace.
      heartbeat_deadline_at: sql<number | null>`case when grace_deadline_at is null then ${leaseEnd(p.from)} end`,
      progress: sql<number | null>`coalesce(${p.progress}, progress)`,
      progress_note: sql<string | null>`coalesce(${unlessRemoved(p.note)}, progress_note)`,
    }),
    isMeantClaim,
  ),
} satisfies Record<ActionName, unknown>;

/** Notes that the poster is told of the progress now. Changes no row if it was told later than `before`. */
export const noteProgressTold = prepared('noteProgressTold', (db, p: { id: string; now: number; before: number }) =>
  db
    .updateTable('tasks')
    .set({ progress_told_at: p.now })
    .where('id', '=', p.id)
    .where((eb) => eb.or([eb('progress_told_at', 'is', null), eb('progress_told_at', '<=', p.before)])),
);

export const clockStatements = {
  missDeadline: byClock('missDeadline'),
  expire: byClock('expire'),
  loseToDeadline: byClock('loseToDeadline', { deadline_at: null }),
  timeOutClaim: byClock('timeOutClaim'),
  endGrace: byClock('endGrace'),
  missHeartbeat: byClock('missHeartbeat'),
  approveByTime: byClock('approveByTime'),
  ruleForWorker: byClock('ruleForWorker', { ...closed, credits_charged: sql.ref('dispute_credits') }, (eb) =>
    eb('dispute_credits', '>', 0),
  ),
  ruleForPoster: byClock('ruleForPoster', closedForWorker, (eb) => eb('dispute_credits', '=', 0)),
  dropUnclaimed: byClock('dropUnclaimed'),
  dropClaimed: byClock('dropClaimed'),
  expireSystem: byClock('expireSystem'),
} satisfies Record<ClockTransition, unknown>;

const byOperator = <P extends { id: string; now: number }>(
  name: AdminTransition,
  set: (params: P) => TaskUpdate = nothing,
) => transitionStatement<P>(name, set, { guard: (eb, p) => eb.and([eb('due_at', '>', p.now)]), condition: 'IfOpen' });

/** Transitions that follow from an action of the operator, if no deadline has passed. */
export const adminStatements = {
  dismissWorker: transitionStatement<{ id: string; now: number; worker: string }>('dismissWorker', nothing, {
    guard: (eb, p) => eb.and([eb('due_at', '>', p.now), eb('worker_id', '=', p.worker), isSuspended(eb, 'worker_id')]),
    condition: 'IfSuspended',
  }),
  cancelPosted: byOperator('cancelPosted'),
  cancelClaimed: byOperator('cancelClaimed'),
  cancelDelivered: byOperator('cancelDelivered'),
  cancelDisputed: byOperator('cancelDisputed', () => closed),
  decideForWorker: byOperator<{ id: string; now: number; credits: number }>('decideForWorker', (p) => ({
    ...closed,
    credits_charged: p.credits,
  })),
  decideForPoster: byOperator('decideForPoster', () => closedForWorker),
} satisfies Record<AdminTransition, unknown>;

/** Transitions that follow from another change in the same transaction. */
export const platformStatements = {
  approveAtOnce: transitionStatement<{ id: string; now: number; version: number }>('approveAtOnce', nothing, {
    guard: (eb, p) => eb.and([eb('version', '=', p.version)]),
    condition: 'IfJustDelivered',
  }),
  withdraw: transitionStatement<{ id: string; now: number }>('withdraw', nothing, {
    guard: (eb) =>
      eb.exists(
        eb
          .selectFrom('tasks as about')
          .select('about.id')
          .whereRef('about.id', '=', 'tasks.about_id')
          .where(hasMovedOn),
      ),
    condition: 'IfUnneeded',
  }),
  loseChosen: transitionStatement<{ id: string; now: number }>('loseChosen', nothing, {
    guard: (eb) => eb.and([eb('is_for_chosen', '=', 1), eb('match_count', '=', 0)]),
    condition: 'IfNobodyIsLeft',
  }),
} satisfies Record<PlatformTransition, unknown>;
