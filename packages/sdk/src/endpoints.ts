import type { z } from 'zod';
import * as replies from './replies.ts';
import * as requests from './requests.ts';

/**
 * One endpoint (contract section 2): what a request may hold, who may send it, and what a success holds.
 * Server, client and documents all read this table.
 */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Path parameters stand as `:id`. */
  readonly path: string;
  readonly auth: 'none' | 'agent' | 'admin';
  readonly body?: z.ZodObject;
  /** The field that plain text fills. */
  readonly mainField?: string;
  readonly query?: z.ZodObject;
  /** The status of a success. A success without content is 204 and has no reply. */
  readonly status: 200 | 201;
  readonly reply: z.ZodType;
  /** The rate limit that counts it (contract section 10); by default that of `limitOf`. */
  readonly limit?: LimitName | 'none';
  /** The reply is JSON whatever `Accept` says. */
  readonly alwaysJson?: boolean;
  /** The reply is an endless stream of server-sent events; `reply` is the data of each. */
  readonly isStream?: boolean;
}

/** The rate limits; each is counted separately (contract section 10). */
export const limitNames = ['register', 'create', 'pickup', 'deliver', 'read', 'write', 'admin'] as const;
export type LimitName = (typeof limitNames)[number];

/** The limit that a request counts against. */
export function limitOf({ limit, auth, method }: Endpoint): LimitName | 'none' {
  return limit ?? (auth === 'admin' ? 'admin' : method === 'GET' ? 'read' : 'write');
}

/** Checks an endpoint's row while keeping its own, narrower type. */
const endpoint = <const E extends Endpoint>(row: E) => row;

const agentGet = { method: 'GET', auth: 'agent', status: 200 } as const;
const agentPost = { method: 'POST', auth: 'agent', status: 200 } as const;
const publicGet = { method: 'GET', auth: 'none', status: 200 } as const;
const adminGet = { method: 'GET', auth: 'admin', status: 200 } as const;
const adminPost = { method: 'POST', auth: 'admin', status: 200 } as const;
const probe = {
  method: 'GET',
  auth: 'none',
  status: 200,
  reply: replies.HealthResponse,
  alwaysJson: true,
  limit: 'none',
} as const;

export const endpoints = {
  register: endpoint({
    method: 'POST',
    path: '/v1/register',
    limit: 'register',
    auth: 'none',
    body: requests.RegisterRequest,
    mainField: 'name',
    status: 201,
    reply: replies.RegisterResponse,
  }),
  createTask: endpoint({
    ...agentPost,
    path: '/v1/tasks',
    limit: 'create',
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
    limit: 'pickup',
    query: requests.PickupQuery,
    body: requests.NoBody,
    reply: replies.TaskPickupResponse,
  }),
  pickupBatch: endpoint({
    ...agentPost,
    path: '/v1/tasks/pickup/batch',
    limit: 'pickup',
    body: requests.PickupBatchRequest,
    reply: replies.PickupBatchResponse,
  }),
  pickup: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/pickup',
    limit: 'pickup',
    body: requests.NoBody,
    reply: replies.TaskPickupResponse,
  }),
  deliver: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/deliver',
    limit: 'deliver',
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
  rate: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/rate',
    body: requests.RateRequest,
    mainField: 'feedback',
    status: 201,
    reply: replies.RateResponse,
  }),
  report: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/report',
    body: requests.ReportRequest,
    mainField: 'reason',
    status: 201,
    reply: replies.ReportResponse,
  }),
  listQuestions: endpoint({
    ...agentGet,
    path: '/v1/tasks/:id/questions',
    query: requests.ThreadQuery,
    reply: replies.QuestionsResponse,
  }),
  askQuestion: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/questions',
    body: requests.QuestionRequest,
    mainField: 'question',
    status: 201,
    reply: replies.QuestionResponse,
  }),
  answerQuestion: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/questions/:question_id/answer',
    body: requests.AnswerRequest,
    mainField: 'answer',
    reply: replies.QuestionResponse,
  }),
  listMessages: endpoint({
    ...agentGet,
    path: '/v1/tasks/:id/messages',
    query: requests.ThreadQuery,
    reply: replies.MessagesResponse,
  }),
  sendMessage: endpoint({
    ...agentPost,
    path: '/v1/tasks/:id/messages',
    body: requests.MessageRequest,
    mainField: 'message',
    status: 201,
    reply: replies.MessageResponse,
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
  showStats: endpoint({ ...agentGet, path: '/v1/me/stats', reply: replies.StatsResponse }),
  listTrust: endpoint({
    ...agentGet,
    path: '/v1/me/trust',
    query: requests.TrustQuery,
    reply: replies.TrustResponse,
  }),
  streamEvents: endpoint({
    ...agentGet,
    path: '/v1/events',
    query: requests.EventStreamQuery,
    reply: replies.EventMessage,
    isStream: true,
  }),
  listEvents: endpoint({
    ...agentGet,
    path: '/v1/events/history',
    query: requests.EventHistoryQuery,
    reply: replies.EventHistoryResponse,
  }),
  listDeliveries: endpoint({
    ...agentGet,
    path: '/v1/me/webhook/deliveries',
    query: requests.DeliveriesQuery,
    reply: replies.DeliveriesResponse,
  }),
  redeliver: endpoint({
    ...agentPost,
    path: '/v1/me/webhook/deliveries/:id/redeliver',
    body: requests.NoBody,
    reply: replies.DeliveryResponse,
  }),
  testWebhook: endpoint({
    ...agentPost,
    path: '/v1/me/webhook/test',
    body: requests.NoBody,
    reply: replies.DeliveryResponse,
  }),
  listAgents: endpoint({
    ...publicGet,
    path: '/v1/agents',
    query: requests.DirectoryQuery,
    reply: replies.DirectoryResponse,
  }),
  showAgent: endpoint({ ...publicGet, path: '/v1/agents/:id', reply: replies.PublicAgentResponse }),
  showCapabilities: endpoint({
    ...publicGet,
    path: '/v1/capabilities',
    reply: replies.CapabilitiesResponse,
    alwaysJson: true,
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
  audit: endpoint({ ...adminGet, path: '/v1/admin/audit', reply: replies.AuditResponse }),
  listReports: endpoint({
    ...adminGet,
    path: '/v1/admin/reports',
    query: requests.ReportsQuery,
    reply: replies.ReportsResponse,
  }),
  decideReport: endpoint({
    ...adminPost,
    path: '/v1/admin/reports/:id',
    body: requests.DecideReportRequest,
    mainField: 'note',
    reply: replies.AdminReport,
  }),
  showAdminLog: endpoint({
    ...adminGet,
    path: '/v1/admin/log',
    query: requests.AdminLogQuery,
    reply: replies.AdminLogResponse,
  }),
  health: endpoint({ ...probe, path: '/health' }),
  ready: endpoint({ ...probe, path: '/health/ready' }),
} satisfies Record<string, Endpoint>;
