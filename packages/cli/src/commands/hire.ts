import type { CreateTaskResponse, DryRunResponse, TaskResponse } from '@pinchwork/sdk';
import { command } from '../command/row.ts';
import { argument, choiceFlag, numberFlag, optionalTextArgument, switchFlag, textFlag } from '../command/values.ts';
import { usage } from '../failure.ts';
import { drawRecord, sentenceView } from '../output/record.ts';
import { taskStatuses, type View } from '../output/view.ts';
import { createFlags, type TaskFields, taskFieldsOf } from './front-matter.ts';
import { listFlags, readList } from './lists.ts';
import { counted } from './numbers.ts';
import { changedView, myTasksView, taskView } from './tasks.ts';
import { awaited } from './waiting.ts';

type Created = CreateTaskResponse | DryRunResponse | TaskResponse;

/** What was posted, or would be. */
function createdView(reply: Created): View<never> {
  if ('dry_run' in reply) {
    const view: View<DryRunResponse> = { draw: drawRecord, note: () => 'Nothing is posted.' };
    return view;
  }
  if ('created_at' in reply) return taskView;
  return sentenceView<CreateTaskResponse>(
    ({ task_id }) => task_id,
    ({ task_id, max_credits: held, balance }) =>
      `${task_id} is posted. It holds ${counted(held, 'credit')}; you have ${balance} left.`,
    ({ task_id }) => `Wait for its result with: pinchwork wait ${task_id}`,
  );
}

/** Posting tasks, looking at them, and reviewing deliveries. */
export const hireCommands = [
  command({
    name: 'tasks create',
    section: 'Hire',
    summary: 'Post a task',
    description:
      'Without --wait it returns at once. With --wait it prints the task when it is delivered, and you approve or reject it then. A file begins with front matter if it has fields: "---", lines such as "credits: 20", "---".',
    examples: [
      ['tasks create "Translate into French: Good morning" --credits 10 --tags french', 'Post a task'],
      ['tasks create --file need.md --wait=600 --jq .result', 'Post a file, and print its result'],
      ['cat report.txt | pinchwork tasks create "Summarise this" --context -', 'With a context from another program'],
    ],
    args: { need: optionalTextArgument('NEED', 'What is to be done') },
    flags: createFlags,
    calls: ['tasks.create', 'tasks.get'],
    show: createdView,
    run: async (context, { args, flags }) => {
      const fields = await taskFieldsOf(args.need, flags);
      if (fields.need === undefined || fields.need.trim() === '') {
        throw usage('NEED is missing: what is to be done', 'pinchwork tasks create --help');
      }
      if (flags['dry-run'] === true && flags.wait !== undefined) throw usage('A dry run has nothing to wait for');
      const { client, signal, tell } = context;
      const reply: Created = await client.tasks.create(fields as TaskFields & { need: string }, { signal });
      if (flags.wait === undefined || 'dry_run' in reply) return reply;
      await tell(`${reply.task_id} is posted.`);
      return awaited(context, reply.task_id, { timeoutSeconds: flags.wait === true ? undefined : flags.wait });
    },
  }),
  command({
    name: 'wait',
    section: 'Hire',
    summary: 'Wait until a task is delivered or has ended',
    examples: [
      ['wait tk-AbCdEfGh1234', 'Print it when there is a result'],
      ['wait tk-AbCdEfGh1234 --for approved --timeout 600', 'Exit with 8 if that takes longer than ten minutes'],
    ],
    args: { id: argument('ID', 'The task', 'task') },
    flags: {
      for: choiceFlag(taskStatuses, 'The state to wait for'),
      timeout: numberFlag('SECONDS', 'How long, at most'),
    },
    calls: ['tasks.get'],
    show: taskView,
    run: (context, { args: { id }, flags }) =>
      awaited(context, id, { until: flags.for, timeoutSeconds: flags.timeout }),
  }),
  command({
    name: 'tasks mine',
    section: 'Hire',
    summary: 'List the tasks that you have posted or work on',
    examples: [['tasks mine --role poster --status delivered', 'What waits for your review']],
    flags: {
      role: choiceFlag(['poster', 'worker'], 'What you are in them'),
      status: choiceFlag(taskStatuses, 'Their state'),
      ...listFlags,
    },
    calls: ['tasks.mine'],
    show: myTasksView,
    run: ({ client, signal }, { flags }) => {
      const { role, status } = flags;
      return readList((page) => client.tasks.mine({ ...page, role, status }, { signal }), 'tasks', flags);
    },
  }),
  command({
    name: 'tasks approve',
    section: 'Hire',
    summary: 'Approve a delivery, and pay for it',
    examples: [['tasks approve tk-AbCdEfGh1234 --rating 5 --feedback "As I wanted it"', 'With a rating']],
    args: { id: argument('ID', 'The task', 'task') },
    flags: {
      rating: numberFlag('1-5', 'How good it is'),
      feedback: textFlag('TEXT', 'What you say to the worker'),
    },
    calls: ['tasks.approve'],
    show: changedView<TaskResponse>(
      ({ task_id, credits_charged, worker_id }) =>
        `${task_id} is approved: ${worker_id} gets ${counted(credits_charged ?? 0, 'credit')}, less the fee.`,
    ),
    run: ({ client, signal }, { args: { id }, flags }) => client.tasks.approve(id, flags, { signal }),
  }),
  command({
    name: 'tasks reject',
    section: 'Hire',
    summary: 'Reject a delivery, with the reason',
    examples: [['tasks reject tk-AbCdEfGh1234 --reason "The second half is missing"', 'The worker may mend it']],
    args: { id: argument('ID', 'The task', 'task') },
    flags: {
      reason: textFlag('TEXT', 'What is wrong'),
      feedback: textFlag('TEXT', 'What else you say to the worker'),
      exclude: switchFlag('This worker may not pick it up again'),
    },
    calls: ['tasks.reject'],
    show: changedView<TaskResponse>(({ task_id, status }) => `The delivery is rejected; ${task_id} is ${status}.`),
    run: ({ client, signal }, { args: { id }, flags: { reason, ...flags } }) => {
      if (reason === undefined) throw usage('--reason is missing: what is wrong', 'pinchwork tasks reject --help');
      return client.tasks.reject(id, { reason, ...flags }, { signal });
    },
  }),
  command({
    name: 'tasks cancel',
    section: 'Hire',
    summary: 'Cancel a task of yours, and get its credits back',
    examples: [['tasks cancel tk-AbCdEfGh1234', 'Before somebody has delivered']],
    args: { id: argument('ID', 'The task', 'task') },
    calls: ['tasks.cancel'],
    show: changedView<TaskResponse>(
      ({ task_id, max_credits }) => `${task_id} is cancelled; you have ${counted(max_credits, 'credit')} back.`,
    ),
    run: ({ client, signal }, { args: { id } }) => client.tasks.cancel(id, {}, { signal }),
  }),
];
