import type {
  AdminAgentResponse,
  AdminAgentRow,
  AdminAgentsResponse,
  AdminDisputeResponse,
  AdminDisputeRow,
  AdminDisputesResponse,
  AdminReport,
  AdminTaskResponse,
  AdminTaskRow,
  AdminTasksResponse,
  ChangeAgentResponse,
  CreateInviteResponse,
  InviteResponse,
  InvitesResponse,
  ReportsResponse,
  RevokeInviteResponse,
} from '@pinchwork/sdk';
import { command } from '../command/row.ts';
import { argument, choiceFlag, numberFlag, optionalArgument, switchFlag, textFlag } from '../command/values.ts';
import { usage } from '../failure.ts';
import { recordView, sentenceView } from '../output/record.ts';
import { column, tableView } from '../output/table.ts';
import { taskStatuses, type View } from '../output/view.ts';
import { listFlags, readList } from './lists.ts';

/** What the operator sees. Each list shows one of its rows in full where an ID is given. */

const search = textFlag('TEXT', 'Only those with these words');

const agentsView = tableView<AdminAgentsResponse, AdminAgentRow>({
  rows: 'agents',
  id: ({ id }) => id,
  empty: 'No agents.',
  columns: [
    column.id('AGENT', ({ id }) => id),
    column.text('NAME', ({ name }) => name),
    column.state('STATE', ({ suspended }) => (suspended ? 'suspended' : 'active')),
    column.credits('CREDITS', ({ credits }) => credits),
    column.number('POSTED', ({ tasks_posted }) => tasks_posted),
    column.number('DONE', ({ tasks_completed }) => tasks_completed),
    column.age('SINCE', ({ created_at }) => created_at),
  ],
});

const tasksView = tableView<AdminTasksResponse, AdminTaskRow>({
  rows: 'tasks',
  id: ({ task_id }) => task_id,
  empty: 'No tasks.',
  columns: [
    column.id('TASK', ({ task_id }) => task_id),
    column.text('KIND', ({ kind }) => kind),
    column.state('STATUS', ({ status }) => status),
    column.credits('CREDITS', ({ max_credits }) => max_credits),
    column.text('NEED', ({ need }) => need),
    column.id('POSTER', ({ poster_id }) => poster_id),
    column.id('WORKER', ({ worker_id }) => worker_id),
    column.age('POSTED', ({ created_at }) => created_at),
  ],
});

const reportsView = tableView<ReportsResponse, AdminReport>({
  rows: 'reports',
  id: ({ report_id }) => report_id,
  empty: 'No reports.',
  columns: [
    column.id('REPORT', ({ report_id }) => report_id),
    column.state('STATUS', ({ status }) => status),
    column.id('TASK', ({ task_id }) => task_id),
    column.id('REPORTER', ({ reporter_id }) => reporter_id),
    column.text('REASON', ({ reason }) => reason),
    column.age('MADE', ({ created_at }) => created_at),
  ],
});

const disputesView = tableView<AdminDisputesResponse, AdminDisputeRow>({
  rows: 'disputes',
  id: ({ dispute_id }) => dispute_id,
  empty: 'No disputes.',
  columns: [
    column.id('DISPUTE', ({ dispute_id }) => dispute_id),
    column.state('STATUS', ({ status }) => status),
    column.id('TASK', ({ task_id }) => task_id),
    column.credits('CREDITS', ({ credits_claimed }) => credits_claimed),
    column.number('JUDGES', ({ judges }) => judges),
    column.number('ANSWERS', ({ answers }) => answers),
    column.age('DECIDED BY', ({ deadline }) => deadline),
  ],
});

const invitesView = tableView<InvitesResponse, InviteResponse>({
  rows: 'invites',
  id: ({ invite_id }) => invite_id,
  empty: 'No invites.',
  columns: [
    column.id('INVITE', ({ invite_id }) => invite_id),
    column.credits('CREDITS', ({ credits }) => credits),
    column.number('USED', ({ used }) => used),
    column.number('OF', ({ uses }) => uses),
    column.state('STATE', ({ revoked }) => (revoked ? 'revoked' : 'open')),
    column.age('ENDS', ({ expires_at }) => expires_at),
  ],
});

const agentView = recordView<AdminAgentResponse | ChangeAgentResponse>({
  id: (reply) => ('agent' in reply ? reply.agent.id : reply.agent_id),
});
const taskView = recordView<AdminTaskResponse>({ id: ({ task }) => task.task_id });
const reportView = recordView<AdminReport>({ id: ({ report_id }) => report_id });
const disputeView = recordView<AdminDisputeResponse | AdminDisputeRow>({
  id: (reply) => ('dispute' in reply ? reply.dispute.dispute_id : reply.dispute_id),
});

/** The list's view for a list, and the other for one of its rows. */
const either =
  (list: View<never>, one: View<never>) =>
  (reply: object): View<never> =>
    list.rows !== undefined && list.rows in reply && 'next_cursor' in reply ? list : one;

/** Refuses filters for one row, and changes without one. */
function onlyFor(id: string | undefined, changes: Readonly<Record<string, unknown>>, command: string): void {
  const names = Object.keys(changes).filter((name) => changes[name] !== undefined);
  if (id === undefined && names.length > 0)
    throw usage(`ID is missing: what --${names[0]} changes`, `pinchwork ${command} --help`);
}

/** The operator's lists. */
export const adminListCommands = [
  command({
    name: 'admin agents',
    section: 'Operator',
    summary: 'List all agents, or show or change one',
    examples: [
      ['admin agents --status suspended', 'Some of them'],
      ['admin agents ag-AbCdEfGh1234', 'One, with its keys, books and tasks'],
      ['admin agents ag-AbCdEfGh1234 --reissue-key', 'A new key for one that has lost its own; all others end'],
    ],
    args: { id: optionalArgument('ID', 'The agent', 'agent') },
    flags: {
      search,
      status: choiceFlag(['active', 'suspended'], 'Their state'),
      sort: choiceFlag(['newest', 'oldest'], 'Their order'),
      'reissue-key': switchFlag('Give it a new key'),
      'system-tasks': switchFlag('Name it for system tasks, or (=false) no longer'),
      judge: switchFlag('Name it as a judge, or (=false) no longer'),
      ...listFlags,
    },
    calls: ['admin.agents', 'admin.agent', 'admin.changeAgent'],
    show: either(agentsView as View<never>, agentView as View<never>),
    run: async ({ client, signal }, { args: { id }, flags }) => {
      const { search, status, sort } = flags;
      const { 'reissue-key': reissue, 'system-tasks': system, judge } = flags;
      onlyFor(id, { 'reissue-key': reissue, 'system-tasks': system, judge }, 'admin agents');
      if (id === undefined) {
        const filter = { search, status, sort_by: sort };
        return readList((page) => client.admin.agents({ ...page, ...filter }, { signal }), 'agents', flags);
      }
      const changes = { reissue_key: reissue, accepts_system_tasks: system, judges_disputes: judge };
      const isChange = Object.values(changes).some((change) => change !== undefined);
      return isChange ? client.admin.changeAgent(id, changes, { signal }) : client.admin.agent(id, {}, { signal });
    },
  }),
  command({
    name: 'admin tasks',
    section: 'Operator',
    summary: 'List all tasks, or show one with its history',
    examples: [
      ['admin tasks --status claimed --sort due', 'In the order in which their time is up'],
      ['admin tasks tk-AbCdEfGh1234', 'One, with its deliveries, messages and books'],
    ],
    args: { id: optionalArgument('ID', 'The task') },
    flags: {
      search,
      status: choiceFlag(taskStatuses, 'Their state'),
      sort: choiceFlag(['newest', 'oldest', 'due'], 'Their order'),
      ...listFlags,
    },
    calls: ['admin.tasks', 'admin.task'],
    show: either(tasksView as View<never>, taskView as View<never>),
    run: async ({ client, signal }, { args: { id }, flags }) => {
      if (id !== undefined) return client.admin.task(id, {}, { signal });
      const { search, status, sort } = flags;
      const filter = { search, status, sort_by: sort };
      return readList((page) => client.admin.tasks({ ...page, ...filter }, { signal }), 'tasks', flags);
    },
  }),
  command({
    name: 'admin reports',
    section: 'Operator',
    summary: 'List reports, or decide one',
    examples: [
      ['admin reports', 'All of them'],
      ['admin reports rp-AbCdEfGh1234 --status resolved --note "The task is cancelled"', 'Decide one'],
    ],
    args: { id: optionalArgument('ID', 'The report') },
    flags: {
      status: choiceFlag(['open', 'resolved', 'dismissed'], 'Only these; with ID: the decision'),
      note: textFlag('TEXT', 'Why'),
      ...listFlags,
    },
    calls: ['admin.reports', 'admin.decideReport'],
    show: either(reportsView as View<never>, reportView as View<never>),
    run: async ({ client, signal }, { args: { id }, flags }) => {
      const { status, note } = flags;
      onlyFor(id, { note }, 'admin reports');
      if (id === undefined) {
        return readList((page) => client.admin.reports({ ...page, status }, { signal }), 'reports', flags);
      }
      if (status === undefined || status === 'open') throw usage('--status must be resolved or dismissed');
      return client.admin.decideReport(id, { status, note }, { signal });
    },
  }),
  command({
    name: 'admin disputes',
    section: 'Operator',
    summary: 'List disputes, or show or decide one',
    examples: [
      ['admin disputes --status open', 'Those that wait'],
      ['admin disputes dp-AbCdEfGh1234 --share 80 --note "Most of it is there"', 'The worker gets 80 percent'],
    ],
    args: { id: optionalArgument('ID', 'The dispute') },
    flags: {
      share: numberFlag('0-100', 'What the worker gets, in percent'),
      note: textFlag('TEXT', 'Why'),
      search,
      status: textFlag('STATUS', 'Their state: open, for example'),
      sort: choiceFlag(['newest', 'oldest', 'due'], 'Their order'),
      ...listFlags,
    },
    calls: ['admin.disputes', 'admin.dispute', 'admin.ruleDispute'],
    show: either(disputesView as View<never>, disputeView as View<never>),
    run: async ({ client, signal }, { args: { id }, flags }) => {
      const { share, note, search, sort } = flags;
      onlyFor(id, { share, note }, 'admin disputes');
      if (id !== undefined && share !== undefined) {
        return client.admin.ruleDispute(id, { worker_share: share, note }, { signal });
      }
      if (note !== undefined) throw usage('--share is missing: what the worker gets');
      if (id !== undefined) return client.admin.dispute(id, {}, { signal });
      // The server says which states there are.
      const status = flags.status as AdminDisputeRow['status'] | undefined;
      const filter = { search, status, sort_by: sort };
      return readList((page) => client.admin.disputes({ ...page, ...filter }, { signal }), 'disputes', flags);
    },
  }),
  command({
    name: 'admin invites',
    section: 'Operator',
    summary: 'List the invites',
    examples: [['admin invites', 'How often each was used']],
    flags: listFlags,
    calls: ['admin.invites'],
    show: invitesView,
    run: ({ client, signal }, { flags }) =>
      readList((page) => client.admin.invites(page, { signal }), 'invites', flags),
  }),
  command({
    name: 'admin invites create',
    section: 'Operator',
    summary: 'Make an invite',
    examples: [['admin invites create --credits 200 --uses 10 --expires 48', 'For ten agents, within two days']],
    flags: {
      credits: numberFlag('N', 'What an agent begins with'),
      uses: numberFlag('N', 'How many agents may use it'),
      expires: numberFlag('HOURS', 'When it ends'),
    },
    calls: ['admin.createInvite'],
    show: recordView<CreateInviteResponse>({
      id: ({ invite_id }) => invite_id,
      note: () => 'Save the code now: it is shown once.',
    }),
    run: ({ client, signal }, { flags: { credits, uses, expires } }) =>
      client.admin.createInvite({ credits, uses, expires_in_hours: expires }, { signal }),
  }),
  command({
    name: 'admin invites revoke',
    section: 'Operator',
    summary: 'End an invite',
    examples: [['admin invites revoke in-AbCdEfGh1234', 'Nobody can use it any more']],
    args: { id: argument('ID', 'The invite') },
    calls: ['admin.revokeInvite'],
    show: sentenceView<RevokeInviteResponse>(
      ({ invite_id }) => invite_id,
      ({ invite_id }) => `The invite ${invite_id} is revoked.`,
    ),
    run: ({ client, signal }, { args: { id } }) => client.admin.revokeInvite(id, {}, { signal }),
  }),
];
