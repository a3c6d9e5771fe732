import { z } from 'zod';
import { seatStatuses } from '../disputes.ts';
import { pageFields } from '../fields.ts';
import { KeyResponse, LedgerRow } from './agents.ts';
import { AdminAction, AdminReport } from './operator.ts';
import { MessageResponse, QuestionResponse } from './talk.ts';
import { Delivery, Dispute, taskKinds, TaskResponse, taskStatuses, textsRemoved } from './tasks.ts';
import { count, credits, searchPartial, time } from './values.ts';

/** A task in the operator's lists. */
export const AdminTaskRow = z.object({
  task_id: z.string(),
  kind: z.enum(taskKinds),
  status: z.enum(taskStatuses),
  need: z.string(),
  tags: z.array(z.string()),
  max_credits: credits,
  credits_charged: credits.nullable(),
  poster_id: z.string(),
  worker_id: z.string().nullable(),
  created_at: time,
  due_at: time.nullable(),
  claim_number: count,
  rejection_count: count,
  texts_removed: z.enum(textsRemoved).optional(),
  truncated: z.literal(true).optional(),
});
export const AdminTasksResponse = z.object({ tasks: z.array(AdminTaskRow), ...pageFields, ...searchPartial });

/** A row of a task's history. */
export const TransitionRow = z.object({
  version: count,
  transition: z.string(),
  from_status: z.enum(taskStatuses).nullable(),
  to_status: z.enum(taskStatuses),
  actor_id: z.string().nullable(),
  worker_id: z.string().nullable(),
  claim_number: count,
  at: time,
});

/** A delivery: a rejected one, or the latest one in any state. */
export const AdminDelivery = Delivery.extend({
  worker_id: z.string().nullable(),
  truncated: z.literal(true).optional(),
});

export const ReviewRow = z.object({
  reviewer_id: z.string(),
  reviewed_id: z.string(),
  rating: count.nullable(),
  feedback: z.string().nullable(),
  created_at: time,
});

/** An entry of the books: what an account got or gave in a transfer. */
export const EntryRow = LedgerRow.extend({ account_id: z.string() });

/** The lists of a reply that have more rows than it shows: it shows the newest. */
const capped = z.array(z.string());

export const AdminTaskResponse = z.object({
  task: TaskResponse.extend({ kind: z.enum(taskKinds), about_id: z.string().nullable(), due_at: time.nullable() }),
  history: z.array(TransitionRow),
  deliveries: z.array(AdminDelivery),
  questions: z.array(QuestionResponse),
  messages: z.array(MessageResponse),
  reviews: z.array(ReviewRow),
  ledger: z.array(EntryRow),
  reports: z.array(AdminReport),
  system_tasks: z.array(AdminTaskRow),
  actions: z.array(AdminAction),
  capped,
});

/** A dispute in the operator's lists. */
export const AdminDisputeRow = Dispute.extend({
  task_id: z.string(),
  claim_number: count,
  poster_id: z.string(),
  worker_id: z.string(),
  credits_claimed: credits,
  /** What the worker was charged for; null while it is open. */
  credits: credits.nullable(),
  judges: count,
  answers: count,
  /** Since when it waits for the operator; null: it does not. */
  waits_since: time.nullable(),
  created_at: time,
  resolved_at: time.nullable(),
});
export const AdminDisputesResponse = z.object({ disputes: z.array(AdminDisputeRow), ...pageFields, ...searchPartial });

/** A seat: a judge that was drawn, and what it answered. */
export const SeatRow = z.object({
  judge_id: z.string(),
  task_id: z.string(),
  status: z.enum(seatStatuses),
  drawn_at: time,
  answered_at: time.nullable(),
  worker_share: count.nullable(),
  explanation: z.string().nullable(),
});

/** An agent in the operator's lists. */
export const AdminAgentRow = z.object({
  id: z.string(),
  name: z.string(),
  good_at: z.string().nullable(),
  credits,
  suspended: z.boolean(),
  suspension_reason: z.string().nullable(),
  accepts_system_tasks: z.boolean(),
  tasks_posted: count,
  tasks_completed: count,
  reputation: z.number(),
  rating_count: count,
  total_earned: credits,
  total_spent: credits,
  created_at: time,
});
export const AdminAgentsResponse = z.object({ agents: z.array(AdminAgentRow), ...pageFields, ...searchPartial });

export const AdminAgentResponse = z.object({
  agent: AdminAgentRow.extend({
    escrowed: credits,
    webhook_url: z.string().nullable(),
    deliveries_approved: count,
    deliveries_rejected: count,
    pickups_paused_until: time.nullable(),
  }),
  keys: z.array(KeyResponse),
  ledger: z.array(LedgerRow),
  tasks: z.array(AdminTaskRow),
  reports_against: z.array(AdminReport),
  reports_made: z.array(AdminReport),
  actions: z.array(AdminAction),
  capped,
});

export const AdminDisputeResponse = z.object({
  dispute: AdminDisputeRow,
  task: TaskResponse,
  deliveries: z.array(AdminDelivery),
  messages: z.array(MessageResponse),
  seats: z.array(SeatRow),
  parties: z.array(AdminAgentRow),
  actions: z.array(AdminAction),
  capped,
});

/** A shared resource of this server. */
const shareFigures = z.object({
  used: count,
  limit: count,
  largest: count,
  waiting: count,
  refused: count,
  cut: count,
});

export const OverviewResponse = z.object({
  counted_at: time,
  agents: z.object({ total: count, suspended: count }),
  tasks: z.record(z.string(), count),
  credits: z.object({ supply: credits, agents: credits, escrow: credits, fees: credits }),
  system_credits: z.object({ spent_last_hour: credits, per_hour: credits.nullable() }),
  audit: z.object({ ok: z.boolean(), broken: count, at: time }).nullable(),
  webhooks: z.object({ waiting: count, oldest_waiting_seconds: count }),
  timers: z.object({ stuck: count, late_seconds: count }),
  shares: z.record(z.string(), shareFigures),
  reports_open: count,
  disputes_open: count,
  nodes: count,
});

export type AdminTaskRow = z.infer<typeof AdminTaskRow>;
export type AdminTasksResponse = z.infer<typeof AdminTasksResponse>;
export type TransitionRow = z.infer<typeof TransitionRow>;
export type AdminDelivery = z.infer<typeof AdminDelivery>;
export type ReviewRow = z.infer<typeof ReviewRow>;
export type EntryRow = z.infer<typeof EntryRow>;
export type AdminTaskResponse = z.infer<typeof AdminTaskResponse>;
export type AdminDisputeRow = z.infer<typeof AdminDisputeRow>;
export type AdminDisputesResponse = z.infer<typeof AdminDisputesResponse>;
export type AdminDisputeResponse = z.infer<typeof AdminDisputeResponse>;
export type SeatRow = z.infer<typeof SeatRow>;
export type AdminAgentRow = z.infer<typeof AdminAgentRow>;
export type AdminAgentsResponse = z.infer<typeof AdminAgentsResponse>;
export type AdminAgentResponse = z.infer<typeof AdminAgentResponse>;
export type OverviewResponse = z.infer<typeof OverviewResponse>;
