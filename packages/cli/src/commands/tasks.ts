import type { BoardTask, BoardResponse, MyTasksResponse, TaskResponse } from '@pinchwork/sdk';
import { recordView } from '../output/record.ts';
import { column, tableView } from '../output/table.ts';

/** How tasks are shown. */

export const boardView = tableView<BoardResponse, BoardTask>({
  rows: 'tasks',
  id: ({ task_id }) => task_id,
  empty: 'No tasks available.',
  columns: [
    column.id('TASK', ({ task_id }) => task_id),
    column.credits('CREDITS', ({ max_credits }) => max_credits),
    column.text('NEED', ({ need }) => need),
    column.tags('TAGS', ({ tags }) => tags),
    column.age('POSTED', ({ created_at }) => created_at),
    column.age('DEADLINE', ({ deadline }) => deadline),
  ],
});

export const myTasksView = tableView<MyTasksResponse, TaskResponse>({
  rows: 'tasks',
  id: ({ task_id }) => task_id,
  empty: 'No tasks.',
  columns: [
    column.id('TASK', ({ task_id }) => task_id),
    column.state('STATUS', ({ status }) => status),
    column.credits('CREDITS', ({ max_credits }) => max_credits),
    column.text('NEED', ({ need }) => need),
    column.age('POSTED', ({ created_at }) => created_at),
  ],
});

/** A task with all that the caller may know of it. */
export const taskView = recordView<TaskResponse>({ id: ({ task_id }) => task_id });
