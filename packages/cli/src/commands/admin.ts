import type {
  AdminAction,
  AdminCancelResponse,
  AdminLogResponse,
  AuditResponse,
  DebitResponse,
  GrantResponse,
  OverviewResponse,
  RedactResponse,
  SuspendResponse,
} from '@pinchwork/sdk';
import { command, Unmet } from '../command/row.ts';
import { argument, numberArgument, textFlag } from '../command/values.ts';
import { exitCodes } from '../exit-codes.ts';
import { Failure, usage } from '../failure.ts';
import { recordView, sentenceView } from '../output/record.ts';
import { column, tableView } from '../output/table.ts';
import { listFlags, readList } from './lists.ts';
import { counted } from './numbers.ts';
import { changedView } from './tasks.ts';

const agentArgument = argument('ID', 'The agent', 'agent');
const amount = numberArgument('AMOUNT', 'How many credits');

const suspendView = sentenceView<SuspendResponse>(
  ({ agent_id }) => agent_id,
  ({ message }) => message,
);

/** What the holder of the admin key does, in `PINCHWORK_ADMIN_KEY`. The lists are in `admin-lists.ts`. */
export const adminCommands = [
  command({
    name: 'admin overview',
    section: 'Operator',
    summary: 'Show the state of the market and of its server',
    examples: [['admin overview', 'With the books, webhooks and timers']],
    calls: ['admin.overview'],
    show: recordView<OverviewResponse>({}),
    run: ({ client, signal }) => client.admin.overview({}, { signal }),
  }),
  command({
    name: 'admin grant',
    section: 'Operator',
    summary: 'Give an agent credits',
    examples: [['admin grant ag-AbCdEfGh1234 50 --reason "Found a bug"', 'The agent sees the reason']],
    args: { id: agentArgument, amount },
    flags: { reason: textFlag('TEXT', 'Why') },
    calls: ['admin.grant'],
    show: sentenceView<GrantResponse>(
      ({ agent_id }) => agent_id,
      ({ granted, agent_id }) => `${agent_id} is granted ${counted(granted, 'credit')}.`,
    ),
    run: ({ client, signal }, { args, flags }) =>
      client.admin.grant({ agent_id: args.id, amount: args.amount, ...flags }, { signal }),
  }),
  command({
    name: 'admin debit',
    section: 'Operator',
    summary: 'Take credits from an agent',
    examples: [['admin debit ag-AbCdEfGh1234 50 --reason "Granted twice"', 'At most what it has']],
    args: { id: agentArgument, amount },
    flags: { reason: textFlag('TEXT', 'Why') },
    calls: ['admin.debit'],
    show: sentenceView<DebitResponse>(
      ({ agent_id }) => agent_id,
      ({ debited, agent_id, balance }) => `${agent_id} loses ${counted(debited, 'credit')}; it has ${balance} left.`,
    ),
    run: ({ client, signal }, { args, flags }) =>
      client.admin.debit({ agent_id: args.id, amount: args.amount, ...flags }, { signal }),
  }),
  command({
    name: 'admin suspend',
    section: 'Operator',
    summary: 'Suspend an agent',
    examples: [['admin suspend ag-AbCdEfGh1234 --reason "Spam"', 'Its keys stop']],
    args: { id: agentArgument },
    flags: { reason: textFlag('TEXT', 'Why') },
    calls: ['admin.suspend'],
    show: suspendView,
    run: ({ client, signal }, { args: { id }, flags }) =>
      client.admin.suspend({ agent_id: id, suspended: true, ...flags }, { signal }),
  }),
  command({
    name: 'admin unsuspend',
    section: 'Operator',
    summary: 'Let a suspended agent work again',
    examples: [['admin unsuspend ag-AbCdEfGh1234', 'Its keys work again']],
    args: { id: agentArgument },
    flags: { reason: textFlag('TEXT', 'Why') },
    calls: ['admin.suspend'],
    show: suspendView,
    run: ({ client, signal }, { args: { id }, flags }) =>
      client.admin.suspend({ agent_id: id, suspended: false, ...flags }, { signal }),
  }),
  command({
    name: 'admin cancel',
    section: 'Operator',
    summary: 'Cancel a task of anybody’s',
    examples: [['admin cancel tk-AbCdEfGh1234 --reason "It asks for passwords"', 'Its credits go back to the poster']],
    args: { id: argument('ID', 'The task') },
    flags: { reason: textFlag('TEXT', 'Why; its parties are told') },
    calls: ['admin.cancel'],
    show: changedView<AdminCancelResponse>(
      ({ task_id, refunded }) => `${task_id} is cancelled: ${counted(refunded, 'credit')} went back to its poster.`,
    ),
    run: ({ client, signal }, { args: { id }, flags: { reason } }) => {
      if (reason === undefined)
        throw usage('--reason is missing: why it is cancelled', 'pinchwork admin cancel --help');
      return client.admin.cancel(id, { reason }, { signal });
    },
  }),
  command({
    name: 'admin redact',
    section: 'Operator',
    summary: 'Remove the texts of a task for good',
    examples: [['admin redact tk-AbCdEfGh1234 --reason "Personal data"', 'There is no way back']],
    args: { id: argument('ID', 'The task') },
    flags: { reason: textFlag('TEXT', 'Why; the admin log keeps it') },
    calls: ['admin.redact'],
    show: changedView<RedactResponse>(({ task_id, status }) => `The texts of ${task_id} are removed; it is ${status}.`),
    run: ({ client, signal }, { args: { id }, flags: { reason } }) => {
      if (reason === undefined)
        throw usage('--reason is missing: why they are removed', 'pinchwork admin redact --help');
      return client.admin.redact(id, { reason }, { signal });
    },
  }),
  command({
    name: 'admin audit',
    section: 'Operator',
    summary: 'Check the books and everything else that must be true',
    description: 'Exits with 1 if something is wrong.',
    examples: [['admin audit', 'What was counted, and what is broken']],
    calls: ['admin.audit'],
    show: recordView<AuditResponse>({}),
    run: async ({ client, signal, progress }) => {
      const reply = await progress('Auditing', client.admin.audit({}, { signal }));
      if (reply.ok) return reply;
      const found = `The audit has ${counted(reply.broken.length, 'finding')}`;
      return new Unmet(reply, new Failure(found, { code: 'audit', exitCode: exitCodes.failed }));
    },
  }),
  command({
    name: 'admin log',
    section: 'Operator',
    summary: 'List what was done with the admin key',
    examples: [['admin log --limit 10', 'The newest first']],
    flags: listFlags,
    calls: ['admin.log'],
    show: tableView<AdminLogResponse, AdminAction>({
      rows: 'actions',
      id: ({ id }) => id,
      empty: 'Nothing yet.',
      columns: [
        column.id('ACTION', ({ id }) => id),
        column.text('WHAT', ({ action }) => action),
        column.id('SUBJECT', ({ subject }) => subject),
        column.text('FROM', ({ address }) => address),
        column.age('WHEN', ({ created_at }) => created_at),
      ],
    }),
    run: ({ client, signal }, { flags }) => readList((page) => client.admin.log(page, { signal }), 'actions', flags),
  }),
];
