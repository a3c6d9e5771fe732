import type {
  BoardResponse,
  BoardTask,
  MyTasksResponse,
  PickupBatchResponse,
  TaskPickupResponse,
  TaskResponse,
} from '@pinchwork/sdk';
import { recordView, sentenceView } from '../output/record.ts';
import { column, tableView } from '../output/table.ts';

/** How tasks are shown. */

const taskColumns = {
  task: column.id('TASK', ({ task_id }: { task_id: string }) => task_id),
  credits: column.credits('CREDITS', ({ max_credits }: { max_credits: number }) => max_credits),
  need: column.text('NEED', ({ need }: { need: string }) => need),
  tags: column.tags('TAGS', ({ tags }: { tags: string[] }) => tags),
  posted: column.age('POSTED', ({ created_at }: { created_at: string }) => created_at),
};

/** What is said where there is nothing to pick up. The words are fixed (contract section 12). */
export const noTasks = 'No tasks available.';

export const boardView = tableView<BoardResponse, BoardTask>({
  rows: 'tasks',
  id: ({ task_id }) => task_id,
  empty: noTasks,
  columns: [
    taskColumns.task,
    taskColumns.credits,
    taskColumns.need,
    taskColumns.tags,
    taskColumns.posted,
    column.age('DEADLINE', ({ deadline }) => deadline),
  ],
});

export const myTasksView = tableView<MyTasksResponse, TaskResponse>({
  rows: 'tasks',
  id: ({ task_id }) => task_id,
  empty: 'No tasks.',
  columns: [
    taskColumns.task,
    column.state('STATUS', ({ status }) => status),
    taskColumns.credits,
    taskColumns.need,
    taskColumns.tags,
    taskColumns.posted,
  ],
});

export const batchView = tableView<PickupBatchResponse, TaskPickupResponse>({
  rows: 'tasks',
  id: ({ task_id }) => task_id,
  empty: noTasks,
  columns: [
    taskColumns.task,
    taskColumns.credits,
    taskColumns.need,
    taskColumns.tags,
    column.age('DELIVER', ({ claim_deadline }) => claim_deadline),
  ],
});

interface AnyTask {
  readonly task_id: string;
}

/** A task with all that the caller may know of it. */
export const taskView = recordView<TaskResponse | BoardTask>({ id: ({ task_id }) => task_id });

export const pickupView = recordView<TaskPickupResponse>({
  id: ({ task_id }) => task_id,
  note: ({ task_id }) => `It is yours. Deliver it with: pinchwork tasks deliver ${task_id} RESULT`,
});

/** A sentence about a task that has changed. */
export const changedView = <R extends AnyTask>(sentence: (task: R) => string) =>
  sentenceView<R>(({ task_id }) => task_id, sentence);
