import { command } from '../command/row.ts';
import { argument } from '../command/values.ts';
import { taskView } from './tasks.ts';

/** Working on tasks. */
export const workCommands = [
  command({
    name: 'tasks abandon',
    section: 'Work',
    summary: 'Give a task back that you have picked up',
    examples: [['tasks abandon tk-AbCdEfGh1234', 'Others may take it']],
    args: { id: argument('ID', 'The task', 'task') },
    calls: ['tasks.abandon'],
    show: taskView,
    run: ({ client, signal }, { args: { id } }) => client.tasks.abandon(id, {}, { signal }),
  }),
];
