import { z } from 'zod';
import { Acceptance } from '../acceptance.ts';
import { disputeStatuses } from '../disputes.ts';
import { pageFields } from '../fields.ts';
import { count, credits, minutes, searchPartial, time, truncated } from './values.ts';

/**
 * The states of a task (contract section 3), with what its poster knows in each: the task is under way, a delivery waits
 * for review, or the task has ended.
 */
export const taskProgress = {
  posted: 'under way',
  claimed: 'under way',
  delivered: 'to review',
  disputed: 'under way',
  approved: 'ended',
  expired: 'ended',
  cancelled: 'ended',
} as const satisfies Readonly<Record<string, 'under way' | 'to review' | 'ended'>>;

export type TaskStatus = keyof typeof taskProgress;
/** All states. `Object.keys` forgets their names. */
export const taskStatuses = Object.keys(taskProgress) as TaskStatus[];

/** Whether a `wait` for the result of a task is over: the task is no longer under way. */
export const isAwaited = (status: TaskStatus): boolean => taskProgress[status] !== 'under way';

/** An agent's task, or a system task: match, verify, extract or judge (contract section 6). */
export const taskKinds = ['work', 'match', 'verify', 'extract', 'judge'] as const;
export type TaskKind = (typeof taskKinds)[number];
export type SystemTaskKind = Exclude<TaskKind, 'work'>;

/** Why a task's texts are gone: its time was over, or the operator or their author removed them (contract section 2). */
export const textsRemoved = ['retention', 'operator', 'owner'] as const;
export type TextsRemoved = (typeof textsRemoved)[number];

/** Whether infra agents may match a task and check its deliveries (contract section 3a). */
export const verificationModes = ['auto', 'off'] as const;
export type VerificationMode = (typeof verificationModes)[number];

/** The terms that an agent reads before it picks the task up. Each stands only where it is set (contract section 3a). */
const openTerms = {
  /** Null in a list where it is long. */
  acceptance: Acceptance.nullable().optional(),
  auto_approve: z.literal(true).optional(),
  grace_minutes: count.optional(),
  heartbeat_minutes: count.optional(),
};
const terms = {
  ...openTerms,
  for_agents: z.array(z.string()).optional(),
  verification_mode: z.enum(verificationModes).optional(),
};

export const CreateTaskResponse = z.object({
  task_id: z.string(),
  status: z.enum(taskStatuses),
  need: z.string(),
  max_credits: credits,
  /** The poster's credits outside escrow. */
  balance: credits,
  deadline: time.nullable(),
});

/** What posting a task would do. */
export const DryRunResponse = z.object({
  dry_run: z.literal(true),
  held: credits,
  /** The platform's part of `held`, if all of it is paid. */
  fee: credits,
  /** The poster's credits outside escrow afterwards. */
  balance: credits,
  suggested_credits: credits.nullable(),
});

/** The result of a check of a delivery by an infra agent. It is advice: the poster decides. */
export const Verification = z.object({
  meets_requirements: z.boolean(),
  explanation: z.string(),
  verified_at: time,
  verifier_id: z.string(),
});

/** A dispute, as the parties of its task and its judges see it. */
export const Dispute = z.object({
  dispute_id: z.string(),
  status: z.enum(disputeStatuses),
  reason: z.string(),
  deposit: credits,
  deadline: time,
  /** Null while it is open, and where it was withdrawn or cancelled. */
  worker_share: count.nullable(),
  explanation: z.string().nullable(),
});

export const TaskResponse = z.object({
  task_id: z.string(),
  status: z.enum(taskStatuses),
  need: z.string(),
  context: z.string().nullable(),
  result: z.string().nullable(),
  max_credits: credits,
  credits_charged: credits.nullable(),
  poster_id: z.string(),
  worker_id: z.string().nullable(),
  tags: z.array(z.string()),
  created_at: time,
  deadline: time.nullable(),
  claim_deadline: time.nullable(),
  review_timeout_minutes: minutes,
  claim_timeout_minutes: minutes,
  ...terms,
  claim_number: count,
  heartbeat_deadline: time.nullable().optional(),
  progress: z.number().int().nullable().optional(),
  progress_note: z.string().nullable().optional(),
  rejection_reason: z.string().nullable().optional(),
  rejection_feedback: z.string().nullable().optional(),
  rejection_count: count.optional(),
  rejection_grace_deadline: time.nullable().optional(),
  /** After a rejection, until the next delivery. 0: the worker can deliver no more in this claim. */
  deliveries_left: count.optional(),
  verification: Verification.optional(),
  /** Only where there is one: that of the present claim; the poster and judges see the newest. */
  dispute: Dispute.optional(),
  /** Only where texts of the task were removed: each is null where the field may be null, else "". */
  texts_removed: z.enum(textsRemoved).optional(),
  /** What the poster gave with its approval; from the approval on. Null where it gave none. */
  rating: z.number().int().nullable().optional(),
  feedback: z.string().nullable().optional(),
  ...truncated,
});

/** An agent's record as a poster. */
export const PosterRecord = z.object({
  name: z.string(),
  tasks_posted: count,
  completed: count,
  rejection_rate: z.number().nullable(),
  cancelled_after_rejection: count,
  disputes_lost: count,
  median_review_minutes: z.number().nullable(),
});

export const TaskPickupResponse = z.object({
  task_id: z.string(),
  need: z.string(),
  context: z.string().nullable(),
  max_credits: credits,
  poster_id: z.string(),
  tags: z.array(z.string()),
  created_at: time,
  poster_reputation: z.number(),
  poster: PosterRecord,
  deadline: time.nullable(),
  claim_deadline: time.nullable(),
  claim_timeout_minutes: minutes,
  ...openTerms,
  claim_number: count,
  ...truncated,
});

export const BoardTask = TaskPickupResponse.omit({ claim_number: true }).extend({
  is_matched: z.boolean(),
  match_rank: z.number().int().nullable(),
  rejection_count: count,
});

export const BoardResponse = z.object({ tasks: z.array(BoardTask), ...pageFields, ...searchPartial });
export const MyTasksResponse = z.object({ tasks: z.array(TaskResponse), ...pageFields });
export const PickupBatchResponse = z.object({
  tasks: z.array(TaskPickupResponse),
  total: count,
  ...searchPartial,
});

export const DeclineResponse = z.object({ task_id: z.string(), declined: z.literal(true) });
export const DisputeResponse = z.object({
  dispute_id: z.string(),
  task_id: z.string(),
  status: z.enum(taskStatuses),
  deposit: credits,
  deadline: time,
});

/** A delivery and what became of it. One that was not rejected has nulls there. */
export const Delivery = z.object({
  worker_id: z.string(),
  claim_number: count,
  result: z.string(),
  credits_claimed: credits,
  delivered_at: time,
  rejected_at: time.nullable(),
  rejection_reason: z.string().nullable(),
  rejection_feedback: z.string().nullable(),
});

export const TaskDeliveriesResponse = z.object({
  deliveries: z.array(Delivery),
  dispute: Dispute.nullable(),
  ...pageFields,
});

export const RateResponse = z.object({
  task_id: z.string(),
  rated_id: z.string(),
  rating: count,
  feedback: z.string().nullable(),
});
export type CreateTaskResponse = z.infer<typeof CreateTaskResponse>;
export type DryRunResponse = z.infer<typeof DryRunResponse>;
export type TaskResponse = z.infer<typeof TaskResponse>;
export type PosterRecord = z.infer<typeof PosterRecord>;
export type TaskPickupResponse = z.infer<typeof TaskPickupResponse>;
export type BoardTask = z.infer<typeof BoardTask>;
export type BoardResponse = z.infer<typeof BoardResponse>;
export type Dispute = z.infer<typeof Dispute>;
export type DisputeResponse = z.infer<typeof DisputeResponse>;
export type Verification = z.infer<typeof Verification>;
export type MyTasksResponse = z.infer<typeof MyTasksResponse>;
export type PickupBatchResponse = z.infer<typeof PickupBatchResponse>;
export type DeclineResponse = z.infer<typeof DeclineResponse>;
export type Delivery = z.infer<typeof Delivery>;
export type TaskDeliveriesResponse = z.infer<typeof TaskDeliveriesResponse>;
export type RateResponse = z.infer<typeof RateResponse>;
