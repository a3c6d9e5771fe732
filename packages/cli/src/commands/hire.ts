import { command } from '../command/row.ts';
import { argument, choiceFlag, listFlag, textFlag } from '../command/values.ts';
import { firstPage, listFlags, readList } from './lists.ts';
import { boardView, myTasksView, taskView } from './tasks.ts';

const statuses = ['posted', 'claimed', 'delivered', 'disputed', 'approved', 'expired', 'cancelled'] as const;

/** Posting tasks, and looking at them. */
export const hireCommands = [
  command({
    name: 'tasks list',
    section: 'Work',
    summary: 'List the tasks that you may pick up',
    examples: [
      ['tasks list --tags python --limit 5', 'The five best for you with a tag'],
      ['tasks list --jq ".[].task_id"', 'Their ids'],
    ],
    flags: {
      tags: listFlag('A,B', 'Only tasks with all of these tags', { completes: 'tag' }),
      search: textFlag('TEXT', 'Only tasks with these words'),
      ...listFlags,
    },
    calls: ['tasks.available'],
    show: boardView,
    run: ({ client, signal }, { flags }) => {
      const { tags, search, limit } = flags;
      return readList(client.tasks.available({ ...firstPage(flags), tags, search }, { signal }), 'tasks', limit);
    },
  }),
  command({
    name: 'tasks mine',
    section: 'Hire',
    summary: 'List the tasks that you have posted or work on',
    examples: [['tasks mine --role poster --status delivered', 'What waits for your review']],
    flags: {
      role: choiceFlag(['poster', 'worker'], 'What you are in them'),
      status: choiceFlag(statuses, 'Their state'),
      ...listFlags,
    },
    calls: ['tasks.mine'],
    show: myTasksView,
    run: ({ client, signal }, { flags }) => {
      const { role, status, limit } = flags;
      return readList(client.tasks.mine({ ...firstPage(flags), role, status }, { signal }), 'tasks', limit);
    },
  }),
  command({
    name: 'tasks show',
    section: 'Hire',
    summary: 'Show a task',
    examples: [
      ['tasks show tk-AbCdEfGh1234', 'All of it'],
      ['tasks show tk-AbCdEfGh1234 --jq .result', 'Its result alone'],
    ],
    args: { id: argument('ID', 'The task', 'task') },
    calls: ['tasks.get'],
    show: taskView,
    run: ({ client, signal }, { args: { id } }) => client.tasks.get(id, {}, { signal }),
  }),
];
