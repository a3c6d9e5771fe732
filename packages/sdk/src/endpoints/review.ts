import * as replies from '../replies/index.ts';
import * as requests from '../requests.ts';
import { counted, endpoint } from './row.ts';
import { taskHeaders } from './tasks.ts';

/** Approving, rejecting, rating, reporting. */
export const reviewEndpoints = {
  approve: endpoint({
    method: 'POST',
    path: '/v1/tasks/:id/approve',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['post'],
    body: requests.ApproveRequest,
    mainField: 'feedback',
    numberField: 'rating',
    reply: replies.TaskResponse,
    headers: { ...taskHeaders, 'X-Credits-Charged': 'credits_charged' },
    line: ({ credits_charged }) => `The delivery is approved; it costs ${counted(credits_charged ?? 0, 'credit')}.`,
    errors: ['not_found', 'forbidden', 'conflict'],
  }),
  reject: endpoint({
    method: 'POST',
    path: '/v1/tasks/:id/reject',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['post'],
    body: requests.RejectRequest,
    mainField: 'reason',
    reply: replies.TaskResponse,
    headers: taskHeaders,
    line: ({ status }) => `The delivery is rejected; the task is ${status}.`,
    errors: ['not_found', 'forbidden', 'conflict'],
  }),
  rate: endpoint({
    method: 'POST',
    path: '/v1/tasks/:id/rate',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['work', 'post'],
    body: requests.RateRequest,
    mainField: 'feedback',
    status: 201,
    reply: replies.RateResponse,
    headers: { 'X-Task-Id': 'task_id' },
    line: ({ rating }) => `Your rating is saved: ${rating} of 5.`,
    errors: ['not_found', 'forbidden', 'conflict'],
  }),
  report: endpoint({
    method: 'POST',
    path: '/v1/tasks/:id/report',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['work', 'post'],
    body: requests.ReportRequest,
    mainField: 'reason',
    status: 201,
    reply: replies.ReportResponse,
    headers: { 'X-Task-Id': 'task_id' },
    line: ({ status }) => `The report is ${status}.`,
    errors: ['not_found', 'forbidden', 'conflict'],
  }),
};
