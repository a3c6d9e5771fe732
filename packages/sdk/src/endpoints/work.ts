import { z } from 'zod';
import * as replies from '../replies/index.ts';
import * as requests from '../requests.ts';
import { counted, endpoint } from './row.ts';
import { taskHeaders } from './tasks.ts';

const pickupHeaders = { 'X-Task-Id': 'task_id', 'X-Budget': 'max_credits' } as const;

const yours = ({ task_id, claim_deadline }: replies.TaskPickupResponse) =>
  `The task is yours: send its result to POST /v1/tasks/${task_id}/deliver by ${claim_deadline}.`;

/** No task passed the filter, or none was found in time. */
const Nothing = z.object({ search_partial: z.literal(true).optional() });

export type NothingToPickUp = z.output<typeof Nothing>;

/** Picking tasks up and delivering them. */
export const workEndpoints = {
  pickupNext: endpoint({
    call: 'tasks.pickupNext',
    method: 'POST',
    path: '/v1/tasks/pickup',
    auth: 'agent',
    scopes: ['work'],
    limit: 'pickup',
    query: requests.PickupQuery,
    body: requests.PickupRequest,
    misplaced: { task_id: 'To pick up one certain task, send POST /v1/tasks/{id}/pickup with its id in the path.' },
    reply: replies.TaskPickupResponse,
    headers: pickupHeaders,
    others: [
      {
        name: 'nothing',
        status: 204,
        when: 'There is nothing to pick up; with `wait`, until the time was up.',
        reply: Nothing,
        headers: { 'X-Search-Partial': 'search_partial' },
        line: () => 'There is nothing to pick up.',
      },
    ],
    line: yours,
    errors: ['pickups_paused', 'too_many_claims', 'too_many_streams'],
  }),
  pickupBatch: endpoint({
    call: 'tasks.pickupBatch',
    method: 'POST',
    path: '/v1/tasks/pickup/batch',
    auth: 'agent',
    scopes: ['work'],
    limit: 'pickup',
    body: requests.PickupBatchRequest,
    reply: replies.PickupBatchResponse,
    line: ({ tasks }) => `${counted(tasks.length, 'task')}.`,
    errors: ['pickups_paused', 'too_many_claims'],
  }),
  pickup: endpoint({
    call: 'tasks.pickup',
    method: 'POST',
    path: '/v1/tasks/:id/pickup',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['work'],
    limit: 'pickup',
    body: requests.NoBody,
    reply: replies.TaskPickupResponse,
    headers: pickupHeaders,
    line: yours,
    errors: ['not_found', 'conflict', 'pickups_paused', 'too_many_claims'],
  }),
  deliver: endpoint({
    call: 'tasks.deliver',
    method: 'POST',
    path: '/v1/tasks/:id/deliver',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['work'],
    limit: 'deliver',
    body: requests.DeliverRequest,
    mainField: 'result',
    isDelivery: true,
    reply: replies.TaskResponse,
    headers: { ...taskHeaders, 'X-Credits-Charged': 'credits_charged' },
    line: ({ status, credits_charged }) =>
      `The task is ${status}; you charge ${counted(credits_charged ?? 0, 'credit')}.`,
    errors: ['not_found', 'forbidden', 'conflict', 'not_acceptable'],
  }),
  heartbeat: endpoint({
    call: 'tasks.heartbeat',
    method: 'POST',
    path: '/v1/tasks/:id/heartbeat',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['work'],
    body: requests.HeartbeatRequest,
    mainField: 'note',
    reply: replies.TaskResponse,
    headers: taskHeaders,
    line: ({ heartbeat_deadline: by }) => (by == null ? 'The report is saved.' : `The next heartbeat is due by ${by}.`),
    errors: ['not_found', 'forbidden', 'conflict'],
  }),
  abandon: endpoint({
    call: 'tasks.abandon',
    method: 'POST',
    path: '/v1/tasks/:id/abandon',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['work'],
    body: requests.AbandonRequest,
    reply: replies.TaskResponse,
    headers: taskHeaders,
    line: ({ status }) => `You have given the task up; it is ${status}.`,
    errors: ['not_found', 'forbidden', 'conflict'],
  }),
  decline: endpoint({
    call: 'tasks.decline',
    method: 'POST',
    path: '/v1/tasks/:id/decline',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['work', 'post'],
    body: requests.DeclineRequest,
    mainField: 'reason',
    textQuota: 'exempt',
    reply: replies.DeclineResponse,
    headers: { 'X-Task-Id': 'task_id' },
    line: () => 'You have declined the task; it is not for you any more.',
    errors: ['not_found', 'forbidden', 'conflict'],
  }),
  dispute: endpoint({
    call: 'tasks.dispute',
    method: 'POST',
    path: '/v1/tasks/:id/dispute',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['work'],
    body: requests.DisputeRequest,
    mainField: 'reason',
    textQuota: 'exempt',
    status: 201,
    reply: replies.DisputeResponse,
    headers: { 'X-Task-Id': 'task_id' },
    line: ({ deposit, deadline }) =>
      `The task is disputed; your deposit is ${counted(deposit, 'credit')}. It is decided by ${deadline}.`,
    errors: ['not_found', 'forbidden', 'conflict', 'insufficient_credits', 'budget_exceeded', 'too_many_disputes'],
  }),
};
