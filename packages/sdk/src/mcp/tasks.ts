import type { CallToolResult, ServerContext } from '@modelcontextprotocol/server';
import type { TaskResponse } from '../replies/index.ts';
import { resultOf } from './answer.ts';
import { toolsByName } from './tools.ts';

/** The extension by which a client waits for a tool's result: it gets a task at once and asks for it again. */
export const tasksExtension = 'io.modelcontextprotocol/tasks';

/** How often a client should ask. A worker needs minutes. */
const pollIntervalMs = 5_000;

/** Where the declarations of a request stand. */
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities';

/** Whether the meta data of a request declare the extension. */
export function declareTasks(meta: object | undefined): boolean {
  const { [capabilitiesKey]: declared } = (meta ?? {}) as { [capabilitiesKey]?: { extensions?: object } | null };
  return Object.hasOwn(declared?.extensions ?? {}, tasksExtension);
}

/** Whether a client has declared the extension in this request. */
export const declaresTasks = ({ mcpReq }: ServerContext): boolean => declareTasks(mcpReq.envelope);

interface TaskFields {
  readonly taskId: string;
  readonly status: 'working' | 'completed' | 'cancelled' | 'failed' | 'input_required';
  readonly statusMessage?: string;
  readonly createdAt: string;
  readonly lastUpdatedAt: string;
  /** Null: it can always be asked for. */
  readonly ttlMs: number | null;
  readonly pollIntervalMs?: number;
}

/** What a tool answers that has begun a task. */
export interface CreatedTask extends TaskFields {
  readonly resultType: 'task';
}

/** What a client is told that asks for a task. */
export interface TaskState extends TaskFields {
  readonly result?: CallToolResult & { readonly resultType: 'complete' };
  readonly error?: object;
  readonly inputRequests?: object;
}

/** The task that a delegation has begun. */
export const createdTask = (taskId: string, at: string): CreatedTask => ({
  ...{ resultType: 'task', taskId, status: 'working', createdAt: at, lastUpdatedAt: at, ttlMs: null, pollIntervalMs },
  statusMessage: 'Posted. A worker will pick it up.',
});

/** Whether there was ever a delivery. From then on the protocol's task is completed for good. */
const wasDelivered = ({ status, rejection_count }: TaskResponse): boolean =>
  status === 'delivered' || status === 'approved' || status === 'disputed' || (rejection_count ?? 0) > 0;

const underWay: Readonly<Partial<Record<TaskResponse['status'], string>>> = {
  posted: 'Posted. Nobody has picked it up yet.',
  claimed: 'A worker is at it.',
};

/** What a task of the market is in the protocol. */
export function stateOf(task: TaskResponse): TaskState {
  const { task_id: taskId, status, created_at: at } = task;
  const fields = { taskId, createdAt: at, lastUpdatedAt: at, ttlMs: null, pollIntervalMs };
  if (status === 'expired') return { ...fields, status: 'completed', result: complete(ended(task)) };
  if (wasDelivered(task)) return { ...fields, status: 'completed', result: complete(delivered(task)) };
  if (status === 'cancelled')
    return { ...fields, status: 'cancelled', statusMessage: 'Cancelled; you have its credits back.' };
  return { ...fields, status: 'working', statusMessage: underWay[status] ?? status };
}

const complete = (result: CallToolResult) => ({ resultType: 'complete' as const, ...result });

/** An error is text only. */
const ended = ({ task_id }: TaskResponse): CallToolResult => ({
  content: [{ type: 'text', text: `The task ${task_id} has expired without a result; you have its credits back.` }],
  isError: true,
});

/** The task as pinchwork_task_detail answers it, with a sentence where it is not what a client takes it for. */
function delivered(task: TaskResponse): CallToolResult {
  const detail = toolsByName.get('pinchwork_task_detail');
  if (detail === undefined) throw new Error('There is no tool that shows a task');
  const result = resultOf(detail, {}, task);
  const text = sentences[task.status];
  return text === undefined ? result : { ...result, content: [...result.content, { type: 'text', text }] };
}

const again = 'Its delivery was rejected, and it is open again: pinchwork_task_detail shows what becomes of it.';
const sentences: Readonly<Partial<Record<TaskResponse['status'], string>>> = {
  delivered: 'Check the result, then pinchwork_approve it or pinchwork_reject it.',
  posted: again,
  claimed: again,
  disputed: 'The worker disputes your rejection: judges decide.',
  cancelled: 'Its delivery was rejected, and the task was cancelled.',
};
