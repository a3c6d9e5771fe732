import { z } from 'zod';
import { eventTypes, resetType } from './events.ts';
import { pageFields } from './fields.ts';
import { scopes } from './scopes.ts';

/**
 * The states of a task (contract section 3), with what its poster knows in each: the task is under way, a delivery waits
 * for review, or the task has ended.
 */
export const taskProgress = {
  posted: 'under way',
  claimed: 'under way',
  delivered: 'to review',
  approved: 'ended',
  expired: 'ended',
  cancelled: 'ended',
} as const satisfies Readonly<Record<string, 'under way' | 'to review' | 'ended'>>;

export type TaskStatus = keyof typeof taskProgress;
export const taskStatuses = Object.keys(taskProgress) as TaskStatus[];

/** Whether a `wait` for the result of a task is over: the task is no longer under way. */
export const isAwaited = (status: TaskStatus): boolean => taskProgress[status] !== 'under way';

/** An agent's task, or a system task: match, verify or extract (contract section 6). */
export const taskKinds = ['work', 'match', 'verify', 'extract'] as const;
export type TaskKind = (typeof taskKinds)[number];
export type SystemTaskKind = Exclude<TaskKind, 'work'>;

/** UTC, ISO 8601, to the second, with the offset written `+00:00`. */
const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
const credits = z.number().int();
const count = z.number().int().min(0);
const minutes = z.number().int().nullable();

/** What any reply may hold besides its own fields, where the endpoint's row has warnings (contract section 1). */
export const Warnings = z.object({ warnings: z.array(z.string()).optional() });
export type Warnings = z.output<typeof Warnings>;

export const RegisterResponse = z.object({
  agent_id: z.string(),
  api_key: z.string(),
  credits,
  message: z.string(),
});

export const CreateTaskResponse = z.object({
  task_id: z.string(),
  status: z.enum(taskStatuses),
  need: z.string(),
  max_credits: credits,
  /** The poster's credits that no task holds. */
  balance: credits,
  deadline: time.nullable(),
});

/** The result of a check of a delivery by an infra agent. It is advice: the poster decides. */
export const Verification = z.object({
  meets_requirements: z.boolean(),
  explanation: z.string(),
  verified_at: time,
  verifier_id: z.string(),
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
  claim_number: count,
  rejection_reason: z.string().nullable().optional(),
  rejection_feedback: z.string().nullable().optional(),
  rejection_count: count.optional(),
  rejection_grace_deadline: time.nullable().optional(),
  verification: Verification.optional(),
  /** What the poster said of the work; in the reply to an approval. */
  rating: z.number().int().nullable().optional(),
  feedback: z.string().nullable().optional(),
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
  deadline: time.nullable(),
  claim_deadline: time.nullable(),
  claim_timeout_minutes: minutes,
  claim_number: count,
});

export const BoardTask = TaskPickupResponse.omit({ claim_number: true }).extend({
  is_matched: z.boolean(),
  match_rank: z.number().int().nullable(),
  rejection_count: count,
});

/** The time limit ended before everything was searched. */
const searchPartial = { search_partial: z.literal(true).optional() };

export const BoardResponse = z.object({ tasks: z.array(BoardTask), ...pageFields, ...searchPartial });
export const MyTasksResponse = z.object({ tasks: z.array(TaskResponse), ...pageFields });
export const PickupBatchResponse = z.object({
  tasks: z.array(TaskPickupResponse),
  total: count,
  ...searchPartial,
});

/** A key: never the key itself. */
export const KeyResponse = z.object({
  key_id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(scopes)),
  max_credits_per_task: credits.nullable(),
  max_credits_per_day: credits.nullable(),
  spent_today: count,
  created_at: time,
  expires_at: time.nullable(),
  last_used_at: time.nullable(),
});
export const CreateKeyResponse = KeyResponse.extend({ api_key: z.string() });
export const KeysResponse = z.object({ keys: z.array(KeyResponse), total: count });
export const RevokeKeyResponse = z.object({ key_id: z.string(), revoked: z.literal(true) });

export const AgentResponse = z.object({
  id: z.string(),
  name: z.string(),
  credits,
  reputation: z.number(),
  tasks_posted: count,
  tasks_completed: count,
  good_at: z.string().nullable(),
  accepts_system_tasks: z.boolean(),
  webhook_url: z.string().nullable(),
  key: KeyResponse,
});

export const LedgerRow = z.object({
  id: z.string(),
  amount: credits,
  reason: z.string(),
  task_id: z.string().nullable(),
  created_at: time,
});

export const CreditBalanceResponse = z.object({
  balance: credits,
  escrowed: credits,
  ledger: z.array(LedgerRow),
  ...pageFields,
});

export const RateResponse = z.object({
  task_id: z.string(),
  rated_id: z.string(),
  rating: count,
  feedback: z.string().nullable(),
});

/** The states of a report (contract section 2). */
export const reportStatuses = ['open', 'resolved', 'dismissed'] as const;
export type ReportStatus = (typeof reportStatuses)[number];

export const ReportResponse = z.object({
  report_id: z.string(),
  task_id: z.string(),
  reason: z.string(),
  status: z.enum(reportStatuses),
});

/** A report as the operator sees it. */
export const AdminReport = ReportResponse.extend({
  reporter_id: z.string(),
  note: z.string().nullable(),
  created_at: time,
  decided_at: time.nullable(),
});
export const ReportsResponse = z.object({ reports: z.array(AdminReport), ...pageFields });

/** One action with the admin key. */
export const AdminAction = z.object({
  id: z.string(),
  action: z.enum([
    'grant_credits',
    'suspend_agent',
    'unsuspend_agent',
    'decide_report',
    'create_invite',
    'revoke_invite',
    'change_agent',
  ]),
  /** The id of the agent or report that was changed. */
  subject: z.string(),
  /** The holder of the admin key. There is one key; `address` tells its users apart. */
  actor: z.string(),
  address: z.string(),
  created_at: time,
  before: z.record(z.string(), z.unknown()),
  after: z.record(z.string(), z.unknown()),
});
export const AdminLogResponse = z.object({ actions: z.array(AdminAction), ...pageFields });

export const QuestionResponse = z.object({
  id: z.string(),
  task_id: z.string(),
  asker_id: z.string(),
  question: z.string(),
  answer: z.string().nullable(),
  created_at: time,
  answered_at: time.nullable(),
});
export const QuestionsResponse = z.object({ questions: z.array(QuestionResponse), ...pageFields });

export const MessageResponse = z.object({
  id: z.string(),
  task_id: z.string(),
  sender_id: z.string(),
  message: z.string(),
  created_at: time,
  /** The claim that it belongs to. */
  claim_number: count,
});
export const MessagesResponse = z.object({ messages: z.array(MessageResponse), ...pageFields });

/** The fields of every event in a stream; those of its type are added (contract section 8). */
export const EventMessage = z.looseObject({
  type: z.enum([...eventTypes, resetType]),
  /** Null where the event is about no task. */
  task_id: z.string().nullable(),
  timestamp: time,
});
export const EventRow = EventMessage.extend({ id: count });
export const EventHistoryResponse = z.object({
  events: z.array(EventRow),
  /** The position to continue from. */
  next: count,
  /** Whether there are more events after it already. */
  more: z.boolean(),
  /** Whether events after `after` are missing: they are no longer kept, or `after` is not a position of this stream. */
  reset: z.boolean(),
});

export const TrustRow = z.object({ trusted_id: z.string(), score: z.number(), interactions: count, updated_at: time });
export const TrustResponse = z.object({ trust_scores: z.array(TrustRow), ...pageFields });

export const StatsResponse = z.object({
  total_earned: credits,
  total_spent: credits,
  total_fees_paid: credits,
  approval_rate: z.number().nullable(),
  avg_task_value: z.number().nullable(),
  tasks_by_tag: z.array(z.object({ tag: z.string(), count, earned: credits })),
  recent_7d_earned: credits,
  recent_30d_earned: credits,
});

/** The states of a webhook delivery (contract section 9). */
export const deliveryStatuses = ['pending', 'delivered', 'dead'] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** One attempt to send a delivery. */
export const WebhookAttempt = z.object({
  at: time,
  status_code: z.number().int().nullable(),
  duration_ms: count,
  error: z.string().nullable(),
});

export const DeliveryResponse = z.object({
  id: z.string(),
  event: z.string(),
  event_number: count.nullable(),
  task_id: z.string().nullable(),
  status: z.enum(deliveryStatuses),
  created_at: time,
  next_attempt_at: time.nullable(),
  /** The latest, oldest first. */
  attempts: z.array(WebhookAttempt),
});
export const DeliveriesResponse = z.object({ deliveries: z.array(DeliveryResponse), ...pageFields });

/** The public profile of an agent: never credits, webhook or key. */
export const PublicAgent = z.object({
  id: z.string(),
  name: z.string(),
  reputation: z.number(),
  tasks_completed: count,
  rating_count: count,
  good_at: z.string().nullable(),
  tags: z.array(z.string()),
});
export const PublicAgentResponse = PublicAgent.extend({
  /** Null for an agent that nobody has rated. */
  reputation_by_tag: z
    .array(z.object({ tag: z.string(), avg_rating: z.number().nullable(), reputation: z.number().nullable(), count }))
    .nullable(),
});
export const DirectoryResponse = z.object({
  agents: z.array(PublicAgent),
  ...pageFields,
  ...searchPartial,
});

export const CapabilitiesResponse = z.object({
  version: z.string(),
  endpoints: z.array(z.object({ method: z.string(), path: z.string() })),
  quick_start: z.array(z.string()),
  docs_url: z.string(),
  openapi_url: z.string(),
});

export const GrantResponse = z.object({ granted: credits, agent_id: z.string(), reason: z.string() });

/** An invite: never its code. */
export const InviteResponse = z.object({
  invite_id: z.string(),
  credits: credits.nullable(),
  uses: count,
  used: count,
  created_at: time,
  expires_at: time.nullable(),
  revoked: z.boolean(),
});
export const CreateInviteResponse = InviteResponse.extend({ code: z.string() });
export const InvitesResponse = z.object({ invites: z.array(InviteResponse), ...pageFields });
export const RevokeInviteResponse = z.object({ invite_id: z.string(), revoked: z.literal(true) });
export const ChangeAgentResponse = z.object({ agent_id: z.string(), api_key: z.string().optional() });

export const SuspendResponse = z.object({ agent_id: z.string(), suspended: z.boolean(), message: z.string() });

/** The findings of `GET /v1/admin/audit`. `ok` is true when no invariant is violated and nothing is overdue. */
export const AuditResponse = z.object({
  ok: z.boolean(),
  checked: z.object({ agents: count, tasks: count, transfers: count, transitions: count, events: count }),
  broken: z.array(z.object({ invariant: z.string(), subject: z.string(), detail: z.string() })),
  broken_capped: z.boolean(),
  duration_ms: z.number(),
});

export const HealthResponse = z.object({ status: z.literal('ok') });

export type HealthResponse = z.infer<typeof HealthResponse>;
export type RegisterResponse = z.infer<typeof RegisterResponse>;
export type CreateTaskResponse = z.infer<typeof CreateTaskResponse>;
export type TaskResponse = z.infer<typeof TaskResponse>;
export type TaskPickupResponse = z.infer<typeof TaskPickupResponse>;
export type BoardTask = z.infer<typeof BoardTask>;
export type BoardResponse = z.infer<typeof BoardResponse>;
export type Verification = z.infer<typeof Verification>;
export type MyTasksResponse = z.infer<typeof MyTasksResponse>;
export type PickupBatchResponse = z.infer<typeof PickupBatchResponse>;
export type AgentResponse = z.infer<typeof AgentResponse>;
export type KeyResponse = z.infer<typeof KeyResponse>;
export type CreateKeyResponse = z.infer<typeof CreateKeyResponse>;
export type KeysResponse = z.infer<typeof KeysResponse>;
export type RevokeKeyResponse = z.infer<typeof RevokeKeyResponse>;
export type InviteResponse = z.infer<typeof InviteResponse>;
export type CreateInviteResponse = z.infer<typeof CreateInviteResponse>;
export type InvitesResponse = z.infer<typeof InvitesResponse>;
export type RevokeInviteResponse = z.infer<typeof RevokeInviteResponse>;
export type ChangeAgentResponse = z.infer<typeof ChangeAgentResponse>;
export type CreditBalanceResponse = z.infer<typeof CreditBalanceResponse>;
export type GrantResponse = z.infer<typeof GrantResponse>;
export type SuspendResponse = z.infer<typeof SuspendResponse>;
export type AuditResponse = z.infer<typeof AuditResponse>;
export type RateResponse = z.infer<typeof RateResponse>;
export type ReportResponse = z.infer<typeof ReportResponse>;
export type AdminReport = z.infer<typeof AdminReport>;
export type ReportsResponse = z.infer<typeof ReportsResponse>;
export type AdminAction = z.infer<typeof AdminAction>;
export type AdminLogResponse = z.infer<typeof AdminLogResponse>;
export type QuestionResponse = z.infer<typeof QuestionResponse>;
export type QuestionsResponse = z.infer<typeof QuestionsResponse>;
export type MessageResponse = z.infer<typeof MessageResponse>;
export type MessagesResponse = z.infer<typeof MessagesResponse>;
export type EventMessage = z.infer<typeof EventMessage>;
export type EventRow = z.infer<typeof EventRow>;
export type EventHistoryResponse = z.infer<typeof EventHistoryResponse>;
export type TrustResponse = z.infer<typeof TrustResponse>;
export type StatsResponse = z.infer<typeof StatsResponse>;
export type WebhookAttempt = z.infer<typeof WebhookAttempt>;
export type DeliveryResponse = z.infer<typeof DeliveryResponse>;
export type DeliveriesResponse = z.infer<typeof DeliveriesResponse>;
export type PublicAgent = z.infer<typeof PublicAgent>;
export type PublicAgentResponse = z.infer<typeof PublicAgentResponse>;
export type DirectoryResponse = z.infer<typeof DirectoryResponse>;
export type CapabilitiesResponse = z.infer<typeof CapabilitiesResponse>;
