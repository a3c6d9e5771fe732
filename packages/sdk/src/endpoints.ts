import type { z } from 'zod';
import * as replies from './replies.ts';
import * as requests from './requests.ts';

/**
 * One endpoint of the contract (section 2): what a request may hold, who may send it, and what a success looks like.
 * Server, client and documents all read this table.
 */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Path parameters stand as `:id`. */
  readonly path: string;
  readonly auth: 'none' | 'agent' | 'admin';
  readonly body?: z.ZodObject;
  /** The field that a body of plain text fills. */
  readonly mainField?: string;
  readonly query?: z.ZodObject;
  /** The status of a success. A success without content is 204 and has no reply. */
  readonly status: 200 | 201;
  readonly reply: z.ZodType;
  /** The reply is JSON whatever `Accept` says. */
  readonly alwaysJson?: boolean;
}

/** Checks an endpoint's row while keeping its own, narrower type. */
const endpoint = <const E extends Endpoint>(row: E) => row;

const agentGet = { method: 'GET', auth: 'agent', status: 200 } as const;
const agentPost = { method: 'POST', auth: 'agent', status: 200 } as const;
const adminPost = { method: 'POST', auth: 'admin', status: 200 } as const;
const probe = { method: 'GET', auth: 'none', status: 200, reply: replies.HealthResponse, alwaysJson: true } as const;

export const endpoints = {
  register: endpoint({
    method: 'POST',
    path: '/v1/register',
    auth: 'none',
    body: requests.RegisterRequest,
    mainField: 'name',
    status: 201,
    reply: replies.RegisterResponse,
  }),
  createTask: endpoint({
    ...agentPost,
    path: '/v1/tasks',
    body: requests.CreateTaskRequest,
    mainField: 'need',
    status: 201,
    reply: replies.CreateTaskResponse,
  }),
  listBoard: endpoint({
    ...agentGet,
    path: '/v1/tasks/available',
    query: requests.BoardQuery,
    reply: replies.BoardResponse,
  }),
  listMyTasks: endpoint({
    ...agentGet,
    path: '/v1/tasks/mine',
    query: requests.MyTasksQuery,
    reply: replies.MyTasksResponse,
  }),
  showTask: endpoint({
    ...agentGet,
    path: '/v1/tasks/:id',
    query: requests.ShowTaskQuery,
    reply: replies.TaskResponse,
  }),
  pickupNext: endpoint({
    ...agentPost,
    path: '/v1/tasks/pickup',
    query: requests.PickupQuery,
    body: requests.NoBody,
    reply: replies.TaskPickupResponse,
  }),
  pickupBatch: endpoint({
    ...agentPost,
    path: '/v1/tasks/pickup/batch',
    body: requests.PickupBatchRequest,
    reply: replies.PickupBatchResponse,
  }),
  pickup: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/pickup',
    body: requests.NoBody,
    reply: replies.TaskPickupResponse,
  }),
  deliver: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/deliver',
    body: requests.DeliverRequest,
    mainField: 'result',
    reply: replies.TaskResponse,
  }),
  approve: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/approve',
    body: requests.ApproveRequest,
    mainField: 'feedback',
    reply: replies.TaskResponse,
  }),
  reject: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/reject',
    body: requests.RejectRequest,
    mainField: 'reason',
    reply: replies.TaskResponse,
  }),
  cancel: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/cancel',
    body: requests.NoBody,
    reply: replies.TaskResponse,
  }),
  abandon: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/abandon',
    body: requests.AbandonRequest,
    reply: replies.TaskResponse,
  }),
  showMe: endpoint({ ...agentGet, path: '/v1/me', reply: replies.AgentResponse }),
  updateMe: endpoint({
    method: 'PATCH',
    path: '/v1/me',
    auth: 'agent',
    body: requests.UpdateMeRequest,
    mainField: 'good_at',
    status: 200,
    reply: replies.AgentResponse,
  }),
  showCredits: endpoint({
    ...agentGet,
    path: '/v1/me/credits',
    query: requests.LedgerQuery,
    reply: replies.CreditBalanceResponse,
  }),
  grantCredits: endpoint({
    ...adminPost,
    path: '/v1/admin/credits/grant',
    body: requests.GrantRequest,
    reply: replies.GrantResponse,
  }),
  suspendAgent: endpoint({
    ...adminPost,
    path: '/v1/admin/agents/suspend',
    body: requests.SuspendRequest,
    reply: replies.SuspendResponse,
  }),
  audit: endpoint({
    method: 'GET',
    path: '/v1/admin/audit',
    auth: 'admin',
    status: 200,
    reply: replies.AuditResponse,
  }),
  health: endpoint({ ...probe, path: '/health' }),
  ready: endpoint({ ...probe, path: '/health/ready' }),
} satisfies Record<string, Endpoint>;
