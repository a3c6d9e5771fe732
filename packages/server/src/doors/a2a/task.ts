import { type Artifact, type Message, type Task, TaskState, type TaskStatus } from '@a2a-js/sdk';
import type { TaskResponse } from '@pinchwork/sdk/table';
import type { A2aState } from '../../ground/machine/rows.ts';
import { stateOf } from '../../ground/states.ts';
import { toMetadata } from './metadata.ts';
import { roles, textPart } from './parts.ts';

/** The states of this market in A2A 1.0. */
const states: Readonly<Record<A2aState, TaskState>> = {
  submitted: TaskState.TASK_STATE_SUBMITTED,
  working: TaskState.TASK_STATE_WORKING,
  'input-required': TaskState.TASK_STATE_INPUT_REQUIRED,
  completed: TaskState.TASK_STATE_COMPLETED,
  failed: TaskState.TASK_STATE_FAILED,
  canceled: TaskState.TASK_STATE_CANCELED,
};

/** A state in A2A 1.0. */
export const stateIn = (state: A2aState): TaskState => states[state];

/** A task with what A2A shows besides the fields of REST. */
export interface Shown {
  /** The fields of REST's reply, or those of a task that was just posted. */
  readonly task: Pick<TaskResponse, 'task_id' | 'status' | 'need'> & Readonly<Record<string, unknown>>;
  readonly contextId: string;
  /** When its state last changed, as text. */
  readonly changedAt: string;
  readonly history: readonly Message[];
}

const review =
  'The result waits for your review. Send "approve", "approve 1" to "approve 5" (a rating), or "reject: " with a reason, to this task. ' +
  'Anything else is a message to its worker.';

/** A task as A2A 1.0 shows it. */
export function toTask({ task, contextId, changedAt, history }: Shown): Task {
  const { task_id: id, status, need: _, result, ...rest } = task;
  return {
    id,
    contextId,
    status: statusOf({ task, contextId, changedAt }),
    artifacts: typeof result === 'string' ? [artifactOf(result)] : [],
    history: [...history],
    metadata: toMetadata({ status, ...rest }),
  };
}

/** The state of a task, and what its client may do about it. */
export function statusOf({ task, contextId, changedAt }: Pick<Shown, 'task' | 'contextId' | 'changedAt'>): TaskStatus {
  const { state, decisions } = stateOf(task.status).a2a;
  const waits = decisions.includes('reject');
  return {
    state: states[state],
    message: waits
      ? message({ id: `${task.task_id}-review`, role: 'agent', text: review, task, contextId })
      : undefined,
    timestamp: changedAt,
  };
}

/** A result. Its text is whatever the worker wrote. */
export const artifactOf = (result: string): Artifact => ({
  artifactId: 'result',
  name: 'result',
  description: '',
  parts: [textPart(result)],
  metadata: undefined,
  extensions: [],
});

interface Said {
  readonly id: string;
  readonly role: keyof typeof roles;
  readonly text: string;
  readonly task: Pick<Shown['task'], 'task_id'>;
  readonly contextId: string;
  readonly metadata?: Record<string, unknown>;
}

/** A message about a task. */
export const message = ({ id, role, text, task, contextId, metadata }: Said): Message => ({
  messageId: id,
  contextId,
  taskId: task.task_id,
  role: roles[role],
  parts: [textPart(text)],
  metadata,
  extensions: [],
  referenceTaskIds: [],
});
