import { z } from 'zod';
import { pageFields } from './fields.ts';

/** The states of a task (contract section 3). */
export const taskStatuses = ['posted', 'claimed', 'delivered', 'approved', 'expired', 'cancelled'] as const;
export type TaskStatus = (typeof taskStatuses)[number];

/** UTC, ISO 8601, to the second, with the offset written `+00:00`. */
const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
const credits = z.number().int();
const count = z.number().int().min(0);
const minutes = z.number().int().nullable();

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
  deadline: time.nullable(),
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

export const BoardResponse = z.object({ tasks: z.array(BoardTask), ...pageFields });
export const MyTasksResponse = z.object({ tasks: z.array(TaskResponse), ...pageFields });
export const PickupBatchResponse = z.object({ tasks: z.array(TaskPickupResponse), total: count });

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

export const GrantResponse = z.object({ granted: credits, agent_id: z.string(), reason: z.string() });
export const SuspendResponse = z.object({ agent_id: z.string(), suspended: z.boolean(), message: z.string() });

/** What `GET /v1/admin/audit` found. `ok` is true when nothing is broken and nothing is overdue. */
export const AuditResponse = z.object({
  ok: z.boolean(),
  checked: z.object({ agents: count, tasks: count, transfers: count, transitions: count, events: count }),
  broken: z.array(z.object({ invariant: z.string(), subject: z.string(), detail: z.string() })),
  broken_capped: z.boolean(),
  duration_ms: z.number(),
});

export const HealthResponse = z.object({ status: z.literal('ok') });

export type RegisterResponse = z.infer<typeof RegisterResponse>;
export type CreateTaskResponse = z.infer<typeof CreateTaskResponse>;
export type TaskResponse = z.infer<typeof TaskResponse>;
export type TaskPickupResponse = z.infer<typeof TaskPickupResponse>;
export type BoardTask = z.infer<typeof BoardTask>;
export type BoardResponse = z.infer<typeof BoardResponse>;
export type MyTasksResponse = z.infer<typeof MyTasksResponse>;
export type PickupBatchResponse = z.infer<typeof PickupBatchResponse>;
export type AgentResponse = z.infer<typeof AgentResponse>;
export type CreditBalanceResponse = z.infer<typeof CreditBalanceResponse>;
export type GrantResponse = z.infer<typeof GrantResponse>;
export type SuspendResponse = z.infer<typeof SuspendResponse>;
export type AuditResponse = z.infer<typeof AuditResponse>;
