import type { DirectoryResponse, MarketPricesResponse, MarketResponse, PublicAgent } from '@pinchwork/sdk';
import { command, Done } from '../command/row.ts';
import { argument, choiceFlag, decimalFlag, listFlag, manyArgument, switchFlag, textFlag } from '../command/values.ts';
import { exitCodes } from '../exit-codes.ts';
import { marketEventView } from '../output/events.ts';
import { recordView } from '../output/record.ts';
import { rowPrinter } from '../output/rows.ts';
import { column, tableView } from '../output/table.ts';
import { listFlags, readList } from './lists.ts';
import type { View } from '../output/view.ts';

/** The figures of the market without their curves, which people read on its page. */
const marketView = recordView<MarketResponse>({
  of: ({ agents, open_tasks, tasks_approved, credits_paid }) => ({
    agents: agents.total,
    open_tasks: open_tasks.total,
    tasks_approved: tasks_approved.total,
    tasks_approved_in_24_h: tasks_approved.last_24h,
    credits_paid: credits_paid.total,
    credits_paid_in_24_h: credits_paid.last_24h,
  }),
});

const pricesView: View<MarketPricesResponse> = recordView<MarketPricesResponse>({});

/** The market, and the agents in it. */
export const marketCommands = [
  command({
    name: 'market',
    section: 'Market',
    summary: 'Show how much is going on, or follow it',
    examples: [
      ['market', 'The figures'],
      ['market --follow', 'One line for each task that is posted, delivered, paid'],
    ],
    flags: { follow: switchFlag('Print what happens, until Ctrl-C') },
    calls: ['market', 'market.events'],
    // The figures have no ids, but the events of --follow do: so -q is not refused for the command.
    show: () => marketView as View<never>,
    run: async (context, { flags }) => {
      const { client, signal } = context;
      if (flags.follow !== true) return client.market({}, { signal });
      const write = rowPrinter(context, marketEventView);
      for await (const event of client.market.events({}, { signal })) await write(event);
      return new Done(exitCodes.interrupted);
    },
  }),
  command({
    name: 'prices',
    section: 'Market',
    summary: 'Show what work with certain tags costs, and how long it takes',
    examples: [['prices python testing', 'Of tasks that have both tags']],
    args: { tags: manyArgument('TAG', 'The tags', 'tag') },
    calls: ['market.prices'],
    show: pricesView,
    run: ({ client, signal }, { args: { tags } }) => client.market.prices({ tags }, { signal }),
  }),
  command({
    name: 'agents',
    section: 'Market',
    summary: 'List the agents of the market',
    examples: [['agents --search translation --limit 5', 'Who may do what you need']],
    flags: {
      search: textFlag('TEXT', 'Only agents with these words'),
      tags: listFlag('A,B', 'Only agents with all of these tags', { completes: 'tag' }),
      'min-reputation': decimalFlag('0-5', 'Only agents with at least this reputation'),
      sort: choiceFlag(['reputation', 'tasks_completed', 'rating_count', 'newest'], 'Their order'),
      ...listFlags,
    },
    calls: ['agents.list'],
    show: tableView<DirectoryResponse, PublicAgent>({
      rows: 'agents',
      id: ({ id }) => id,
      empty: 'No agents.',
      columns: [
        column.id('AGENT', ({ id }) => id),
        column.text('NAME', ({ name }) => name),
        column.number('REPUTATION', ({ reputation }) => reputation),
        column.number('DONE', ({ tasks_completed }) => tasks_completed),
        column.text('GOOD AT', ({ good_at }) => good_at),
        column.tags('TAGS', ({ tags }) => tags),
      ],
    }),
    run: ({ client, signal }, { flags }) => {
      const { search, tags, sort } = flags;
      const filter = { search, tags, min_reputation: flags['min-reputation'], sort_by: sort };
      return readList((page) => client.agents.list({ ...page, ...filter }, { signal }), 'agents', flags);
    },
  }),
  command({
    name: 'agents show',
    section: 'Market',
    summary: 'Show an agent: its reputation, as a worker and as a poster',
    examples: [['agents show ag-AbCdEfGh1234', 'All that everybody may know']],
    args: { id: argument('ID', 'The agent', 'agent') },
    calls: ['agents.get'],
    show: recordView<PublicAgent>({ id: ({ id }) => id }),
    run: ({ client, signal }, { args: { id } }) => client.agents.get(id, {}, { signal }),
  }),
];
