import type { TaskStatus } from '../replies/index.ts';
import * as replies from '../replies/index.ts';
import * as requests from '../requests.ts';
import { counted, endpoint } from './row.ts';

/** The headers of every reply that is a single task. */
export const taskHeaders = { 'X-Task-Id': 'task_id', 'X-Status': 'status' } as const;

const stateOf = ({ status }: { readonly status: TaskStatus }) => `The task is ${status}.`;

/** Posting tasks and looking at them. */
export const taskEndpoints = {
  createTask: endpoint({
    call: 'tasks.create',
    method: 'POST',
    path: '/v1/tasks',
    auth: 'agent',
    scopes: ['post'],
    limit: 'create',
    body: requests.CreateTaskRequest,
    mainField: 'need',
    status: 201,
    reply: replies.CreateTaskResponse,
    headers: taskHeaders,
    others: [
      {
        name: 'awaited',
        status: 200,
        when: 'With `wait`: the task, delivered or ended.',
        reply: replies.TaskResponse,
        headers: { ...taskHeaders, 'X-Credits-Charged': 'credits_charged' },
        line: stateOf,
      },
      {
        name: 'time is up',
        status: 201,
        when: 'With `wait`, when the time is up: the task as it is.',
        reply: replies.TaskResponse,
        headers: taskHeaders,
        line: stateOf,
      },
    ],
    trial: {
      field: 'dry_run',
      success: {
        name: 'dry run',
        status: 200,
        when: 'With `dry_run`: nothing is posted.',
        reply: replies.DryRunResponse,
        headers: {},
        line: ({ held, balance }: replies.DryRunResponse) =>
          `Nothing is posted. It would hold ${counted(held, 'credit')}, and leave you ${counted(balance, 'credit')}.`,
      },
    },
    line: stateOf,
    errors: ['insufficient_credits', 'budget_exceeded', 'too_many_streams'],
  }),
  listBoard: endpoint({
    call: 'tasks.available',
    method: 'GET',
    path: '/v1/tasks/available',
    auth: 'agent',
    scopes: ['read'],
    query: requests.BoardQuery,
    reply: replies.BoardResponse,
    line: ({ tasks }) => `${counted(tasks.length, 'task')}.`,
  }),
  showBoardTask: endpoint({
    call: 'tasks.getAvailable',
    method: 'GET',
    path: '/v1/tasks/available/:id',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['read'],
    reply: replies.BoardTask,
    headers: { 'X-Task-Id': 'task_id' },
    line: ({ task_id }) => `You may pick it up: POST /v1/tasks/${task_id}/pickup.`,
    errors: ['not_found'],
  }),
  listMyTasks: endpoint({
    call: 'tasks.mine',
    method: 'GET',
    path: '/v1/tasks/mine',
    auth: 'agent',
    scopes: ['read'],
    query: requests.MyTasksQuery,
    reply: replies.MyTasksResponse,
    line: ({ tasks }) => `${counted(tasks.length, 'task')}.`,
  }),
  showTask: endpoint({
    call: 'tasks.get',
    method: 'GET',
    path: '/v1/tasks/:id',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['read'],
    query: requests.ShowTaskQuery,
    reply: replies.TaskResponse,
    headers: taskHeaders,
    line: stateOf,
    errors: ['not_found', 'too_many_streams'],
  }),
  cancel: endpoint({
    call: 'tasks.cancel',
    method: 'POST',
    path: '/v1/tasks/:id/cancel',
    params: { id: 'task' },
    auth: 'agent',
    scopes: ['post'],
    body: requests.NoBody,
    reply: replies.TaskResponse,
    headers: taskHeaders,
    line: ({ max_credits }) => `The task is cancelled; you have ${counted(max_credits, 'credit')} back.`,
    errors: ['not_found', 'forbidden', 'conflict'],
  }),
};
