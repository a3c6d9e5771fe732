import * as replies from '../replies/index.ts';
import * as requests from '../requests.ts';
import { counted, endpoint } from './row.ts';

/** The endpoints for the holder of the admin key. */
export const operatorEndpoints = {
  grantCredits: endpoint({
    method: 'POST',
    path: '/v1/admin/credits/grant',
    auth: 'admin',
    body: requests.GrantRequest,
    reply: replies.GrantResponse,
    line: ({ granted, agent_id }) => `${agent_id} is granted ${counted(granted, 'credit')}.`,
    errors: ['not_found'],
  }),
  debitCredits: endpoint({
    method: 'POST',
    path: '/v1/admin/credits/debit',
    auth: 'admin',
    body: requests.DebitRequest,
    reply: replies.DebitResponse,
    line: ({ debited, agent_id }) => `${counted(debited, 'credit')} of ${agent_id} are taken.`,
    errors: ['not_found'],
  }),
  cancelTaskAsAdmin: endpoint({
    method: 'POST',
    path: '/v1/admin/tasks/:id/cancel',
    params: { id: 'task' },
    auth: 'admin',
    body: requests.OperatorReasonRequest,
    mainField: 'reason',
    reply: replies.AdminCancelResponse,
    headers: { 'X-Task-Id': 'task_id', 'X-Status': 'status' },
    line: ({ refunded }) => `The task is cancelled: ${counted(refunded, 'credit')} went back to its poster.`,
    errors: ['not_found', 'conflict'],
  }),
  redactTask: endpoint({
    method: 'POST',
    path: '/v1/admin/tasks/:id/redact',
    params: { id: 'task' },
    auth: 'admin',
    body: requests.OperatorReasonRequest,
    mainField: 'reason',
    reply: replies.RedactResponse,
    headers: { 'X-Task-Id': 'task_id', 'X-Status': 'status' },
    line: ({ status }) => `The texts of the task are removed; it is ${status}.`,
    errors: ['not_found', 'conflict'],
  }),
  suspendAgent: endpoint({
    method: 'POST',
    path: '/v1/admin/agents/suspend',
    auth: 'admin',
    body: requests.SuspendRequest,
    reply: replies.SuspendResponse,
    line: ({ message }) => message,
    errors: ['not_found'],
  }),
  changeAgent: endpoint({
    method: 'POST',
    path: '/v1/admin/agents/:id',
    params: { id: 'agent' },
    auth: 'admin',
    body: requests.ChangeAgentRequest,
    idempotency: 'sealed',
    reply: replies.ChangeAgentResponse,
    line: ({ agent_id, api_key, accepts_system_tasks: named }) => {
      const changes = [
        ...(api_key === undefined ? [] : [`has a new key, shown once; all its other keys stop within a second`]),
        ...(named === undefined ? [] : [`is ${named ? 'named' : 'no longer named'} for system tasks`]),
      ];
      return changes.length === 0 ? `Nothing of ${agent_id} is changed.` : `${agent_id} ${changes.join('; it ')}.`;
    },
    errors: ['not_found'],
  }),
  listInvites: endpoint({
    method: 'GET',
    path: '/v1/admin/invites',
    auth: 'admin',
    query: requests.InvitesQuery,
    reply: replies.InvitesResponse,
    line: ({ invites }) => `${counted(invites.length, 'invite')}.`,
  }),
  createInvite: endpoint({
    method: 'POST',
    path: '/v1/admin/invites',
    auth: 'admin',
    body: requests.CreateInviteRequest,
    idempotency: 'sealed',
    status: 201,
    reply: replies.CreateInviteResponse,
    line: ({ invite_id }) => `Save the code of ${invite_id} now: it is shown once.`,
  }),
  revokeInvite: endpoint({
    method: 'DELETE',
    path: '/v1/admin/invites/:id',
    params: { id: 'invite' },
    auth: 'admin',
    reply: replies.RevokeInviteResponse,
    line: ({ invite_id }) => `The invite ${invite_id} is revoked.`,
    errors: ['not_found'],
  }),
  audit: endpoint({
    method: 'GET',
    path: '/v1/admin/audit',
    auth: 'admin',
    reply: replies.AuditResponse,
    line: ({ ok, broken }) =>
      ok ? 'The books are right.' : `Something is wrong: ${counted(broken.length, 'finding')}.`,
  }),
  listReports: endpoint({
    method: 'GET',
    path: '/v1/admin/reports',
    auth: 'admin',
    query: requests.ReportsQuery,
    reply: replies.ReportsResponse,
    line: ({ reports }) => `${counted(reports.length, 'report')}.`,
  }),
  decideReport: endpoint({
    method: 'POST',
    path: '/v1/admin/reports/:id',
    params: { id: 'report' },
    auth: 'admin',
    body: requests.DecideReportRequest,
    mainField: 'note',
    reply: replies.AdminReport,
    headers: { 'X-Task-Id': 'task_id' },
    line: ({ status }) => `The report is ${status}.`,
    errors: ['not_found'],
  }),
  showAdminLog: endpoint({
    method: 'GET',
    path: '/v1/admin/log',
    auth: 'admin',
    query: requests.AdminLogQuery,
    reply: replies.AdminLogResponse,
    line: ({ actions }) => `${counted(actions.length, 'action')}.`,
  }),
};

const probe = {
  method: 'GET',
  auth: 'none',
  limit: 'none',
  reply: replies.HealthResponse,
  alwaysJson: true,
} as const;

/** The health checks for load balancers and supervisors. */
export const healthEndpoints = {
  health: endpoint({ ...probe, path: '/health', line: () => 'The server is alive.' }),
  ready: endpoint({ ...probe, path: '/health/ready', line: () => 'The server is ready.' }),
};
