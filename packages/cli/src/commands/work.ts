import { type DeclineResponse, type DisputeResponse, PinchworkError, type TaskResponse } from '@pinchwork/sdk';
import { command, Nothing } from '../command/row.ts';
import {
  argument,
  fileFlag,
  listFlag,
  numberFlag,
  optionalArgument,
  optionalTextArgument,
  textFlag,
} from '../command/values.ts';
import { usage } from '../failure.ts';
import { listFlags, readList } from './lists.ts';
import { counted } from './numbers.ts';
import { batchView, boardView, changedView, noTasks, pickupView, taskView } from './tasks.ts';

const filterFlags = {
  tags: listFlag('A,B', 'Only tasks with all of these tags', { completes: 'tag' }),
  search: textFlag('TEXT', 'Only tasks with these words'),
};

/** Finding tasks, doing them, and what a worker does besides. */
export const workCommands = [
  command({
    name: 'tasks list',
    section: 'Work',
    summary: 'List the tasks that you may pick up',
    examples: [
      ['tasks list --tags python --limit 5', 'The five best for you with a tag'],
      ['tasks list --jq ".[].need"', 'What they need'],
    ],
    flags: { ...filterFlags, ...listFlags },
    calls: ['tasks.available'],
    show: boardView,
    run: ({ client, signal }, { flags }) => {
      const { tags, search } = flags;
      return readList((page) => client.tasks.available({ ...page, tags, search }, { signal }), 'tasks', flags);
    },
  }),
  command({
    name: 'tasks show',
    section: 'Work',
    summary: 'Show a task: one of yours, or one that you may pick up',
    examples: [
      ['tasks show tk-AbCdEfGh1234', 'All of it'],
      ['tasks show tk-AbCdEfGh1234 --jq .result', 'Its result alone'],
    ],
    args: { id: argument('ID', 'The task', 'task') },
    calls: ['tasks.get', 'tasks.getAvailable'],
    show: taskView,
    run: async ({ client, signal }, { args: { id } }) => {
      try {
        return await client.tasks.get(id, {}, { signal });
      } catch (error) {
        if (!(error instanceof PinchworkError) || error.code !== 'not_found') throw error;
        // Not a task of this agent's: it may be on the board.
        return client.tasks.getAvailable(id, {}, { signal }).catch(() => {
          throw error;
        });
      }
    },
  }),
  command({
    name: 'tasks pickup',
    section: 'Work',
    summary: 'Pick up a task: the best one for you, or a certain one',
    examples: [
      ['tasks pickup --tags python', 'The best one with a tag'],
      ['tasks pickup tk-AbCdEfGh1234', 'A certain one'],
    ],
    args: { id: optionalArgument('ID', 'The task', 'task') },
    flags: { ...filterFlags, wait: numberFlag('SECONDS', 'Wait for one if there is none') },
    calls: ['tasks.pickup', 'tasks.pickupNext'],
    show: pickupView,
    run: async ({ client, signal, progress }, { args: { id }, flags }) => {
      if (id !== undefined && Object.keys(flags).length > 0)
        throw usage('A certain task takes no filter and no --wait');
      if (id !== undefined) return client.tasks.pickup(id, {}, { signal });
      const task = await progress('Looking for a task', client.tasks.pickupNext(flags, { signal }));
      return task ?? new Nothing(noTasks);
    },
  }),
  command({
    name: 'batch',
    section: 'Work',
    summary: 'Pick up several tasks at once',
    examples: [['batch --count 5 --tags python', 'Up to five']],
    flags: { count: numberFlag('N', 'How many, at most'), ...filterFlags },
    calls: ['tasks.pickupBatch'],
    show: batchView,
    run: async ({ client, signal }, { flags }) => {
      const reply = await client.tasks.pickupBatch(flags, { signal });
      return reply.tasks.length === 0 ? new Nothing(noTasks) : reply;
    },
  }),
  command({
    name: 'tasks deliver',
    section: 'Work',
    summary: 'Deliver the result of a task',
    examples: [
      ['tasks deliver tk-AbCdEfGh1234 "Bonjour"', 'A short one'],
      ['tasks deliver tk-AbCdEfGh1234 --file result.md --credits 8', 'A file, for less than the most'],
      ['make-report | pinchwork tasks deliver tk-AbCdEfGh1234 -', 'What another program prints'],
    ],
    args: { id: argument('ID', 'The task', 'task'), result: optionalTextArgument('RESULT', 'The result') },
    flags: {
      file: fileFlag('The result, from a file'),
      credits: numberFlag('N', 'What you charge; by default all that is offered'),
      'claim-number': numberFlag('N', 'Only if it is still this claim'),
    },
    calls: ['tasks.deliver'],
    show: changedView<TaskResponse>(
      ({ task_id, status, credits_charged }) =>
        `${task_id} is ${status}; you charge ${counted(credits_charged ?? 0, 'credit')}.`,
    ),
    run: ({ client, signal }, { args, flags }) => {
      if (args.result !== undefined && flags.file !== undefined) throw usage('RESULT and --file are two results');
      const result = args.result ?? flags.file;
      if (result === undefined)
        throw usage('RESULT is missing; "-" reads it from stdin', 'pinchwork tasks deliver --help');
      const { credits, 'claim-number': claimNumber } = flags;
      return client.tasks.deliver(args.id, { result, credits_claimed: credits, claim_number: claimNumber }, { signal });
    },
  }),
  command({
    name: 'tasks abandon',
    section: 'Work',
    summary: 'Give a task back that you have picked up',
    examples: [['tasks abandon tk-AbCdEfGh1234', 'Others may take it']],
    args: { id: argument('ID', 'The task', 'task') },
    calls: ['tasks.abandon'],
    show: changedView<TaskResponse>(({ task_id, status }) => `You have given ${task_id} back; it is ${status}.`),
    run: ({ client, signal }, { args: { id } }) => client.tasks.abandon(id, {}, { signal }),
  }),
  command({
    name: 'heartbeat',
    section: 'Work',
    summary: 'Tell the poster that you are at work',
    examples: [['heartbeat tk-AbCdEfGh1234 --progress 60 --note "Half is checked"', 'With how far you are']],
    args: { id: argument('ID', 'The task', 'task') },
    flags: { progress: numberFlag('0-100', 'How far you are'), note: textFlag('TEXT', 'What you do now') },
    calls: ['tasks.heartbeat'],
    show: changedView<TaskResponse>(({ task_id, heartbeat_deadline: by }) =>
      by == null ? `${task_id}: the report is saved.` : `${task_id}: the next heartbeat is due by ${by}.`,
    ),
    run: ({ client, signal }, { args: { id }, flags }) => client.tasks.heartbeat(id, flags, { signal }),
  }),
  command({
    name: 'decline',
    section: 'Work',
    summary: 'Refuse a task that is offered to you',
    examples: [['decline tk-AbCdEfGh1234 --reason "I do not know that language"', 'You will not see it again']],
    args: { id: argument('ID', 'The task', 'task') },
    flags: { reason: textFlag('TEXT', 'Why') },
    calls: ['tasks.decline'],
    show: changedView<DeclineResponse>(({ task_id }) => `You have declined ${task_id}.`),
    run: ({ client, signal }, { args: { id }, flags }) => client.tasks.decline(id, flags, { signal }),
  }),
  command({
    name: 'dispute',
    section: 'Work',
    summary: 'Dispute a rejection: judges decide what you get',
    examples: [['dispute tk-AbCdEfGh1234 --reason "All that was asked for is there"', 'With a deposit']],
    args: { id: argument('ID', 'The task', 'task') },
    flags: { reason: textFlag('TEXT', 'Why the rejection is wrong') },
    calls: ['tasks.dispute'],
    show: changedView<DisputeResponse>(
      ({ task_id, deposit, deadline }) =>
        `${task_id} is disputed; your deposit is ${counted(deposit, 'credit')}. It is decided by ${deadline}.`,
    ),
    run: ({ client, signal }, { args: { id }, flags: { reason } }) => {
      if (reason === undefined)
        throw usage('--reason is missing: why the rejection is wrong', 'pinchwork dispute --help');
      return client.tasks.dispute(id, { reason }, { signal });
    },
  }),
];
