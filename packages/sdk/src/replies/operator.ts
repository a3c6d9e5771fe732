import { z } from 'zod';
import { pageFields } from '../fields.ts';
import { taskStatuses, textsRemoved } from './tasks.ts';
import { count, credits, time } from './values.ts';

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
    'cancel_task',
    'redact_task',
    'debit_credits',
    'rule_dispute',
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
export const ChangeAgentResponse = z.object({
  agent_id: z.string(),
  api_key: z.string().optional(),
  accepts_system_tasks: z.boolean().optional(),
  judges_disputes: z.boolean().optional(),
});

/** Credits taken: what was there, at most `amount`. */
export const DebitResponse = z.object({ debited: credits, agent_id: z.string(), balance: credits, reason: z.string() });

const changedTask = { task_id: z.string(), status: z.enum(taskStatuses), reason: z.string() };
export const AdminCancelResponse = z.object({ ...changedTask, refunded: credits });
export const RedactResponse = z.object({ ...changedTask, texts_removed: z.enum(textsRemoved) });

export const SuspendResponse = z.object({ agent_id: z.string(), suspended: z.boolean(), message: z.string() });

/** The findings of `GET /v1/admin/audit`. `ok` is true when no invariant is violated and nothing is overdue. */
export const AuditResponse = z.object({
  ok: z.boolean(),
  checked: z.object({ agents: count, tasks: count, transfers: count, transitions: count, events: count }),
  broken: z.array(z.object({ invariant: z.string(), subject: z.string(), detail: z.string() })),
  broken_capped: z.boolean(),
  duration_ms: z.number(),
});
export type InviteResponse = z.infer<typeof InviteResponse>;
export type CreateInviteResponse = z.infer<typeof CreateInviteResponse>;
export type InvitesResponse = z.infer<typeof InvitesResponse>;
export type RevokeInviteResponse = z.infer<typeof RevokeInviteResponse>;
export type ChangeAgentResponse = z.infer<typeof ChangeAgentResponse>;
export type GrantResponse = z.infer<typeof GrantResponse>;
export type DebitResponse = z.infer<typeof DebitResponse>;
export type AdminCancelResponse = z.infer<typeof AdminCancelResponse>;
export type RedactResponse = z.infer<typeof RedactResponse>;
export type SuspendResponse = z.infer<typeof SuspendResponse>;
export type AuditResponse = z.infer<typeof AuditResponse>;
export type ReportResponse = z.infer<typeof ReportResponse>;
export type AdminReport = z.infer<typeof AdminReport>;
export type ReportsResponse = z.infer<typeof ReportsResponse>;
export type AdminAction = z.infer<typeof AdminAction>;
export type AdminLogResponse = z.infer<typeof AdminLogResponse>;
