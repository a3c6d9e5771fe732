import { type OverviewResponse, platformId, taskStatuses } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import type { ApartJob } from '../../storage/database.ts';
import { type Params, prepared } from '../../storage/prepared.ts';
import { feesAccount, mintAccount } from '../ledger/ledger.ts';

/** What the operator's overview counts. */
export interface Counts {
  readonly agents: { readonly total: number; readonly suspended: number };
  readonly tasks: OverviewResponse['tasks'];
  readonly credits: {
    readonly supply: number;
    readonly agents: number;
    readonly escrow: number;
    readonly fees: number;
  };
}

const bounded = { bounded: 'everything, counted at most once a minute', replan: true };
const zero = sql.lit(0);

const agents = prepared(
  'overviewAgents',
  (db, _: Params) =>
    db
      .selectFrom('agents')
      .select(sql<number>`count(*)`.as('total'))
      .select(sql<number>`count(suspended_at)`.as('suspended'))
      .where('id', '<>', sql.lit(platformId)),
  bounded,
);

const tasks = prepared(
  'overviewTasks',
  (db, _: Params) =>
    db
      .selectFrom('tasks')
      .select(['status', sql<number>`count(*)`.as('n')])
      .where('kind', '=', sql.lit('work'))
      .groupBy('status'),
  bounded,
);

/** Accounts of agents sort before those of disputes and tasks (`ag-`, `dp-`, `tk-`). */
const balances = prepared(
  'overviewBalances',
  (db, _: Params) =>
    db
      .selectFrom('accounts')
      .select(sql<number>`coalesce(sum(case when id < 'dp-' then balance end), ${zero})`.as('agents'))
      .select(sql<number>`coalesce(sum(case when id >= 'dp-' then balance end), ${zero})`.as('escrow')),
  bounded,
);

const platform = prepared(
  'overviewPlatform',
  (db, _: Params) =>
    db
      .selectFrom('ledger_entries')
      .select(['account_id', sql<number>`sum(amount)`.as('amount')])
      .where('account_id', 'in', [sql.lit(feesAccount), sql.lit(mintAccount)])
      .groupBy('account_id'),
  bounded,
);

/** Reads whole indexes, so it runs apart. */
const count: ApartJob<null, Counts> = async (reader) => {
  const found = await reader.one(agents, {});
  const byStatus = new Map((await reader.all(tasks, {})).map(({ status, n }) => [status, n]));
  const sums = await reader.one(balances, {});
  const of = new Map((await reader.all(platform, {})).map(({ account_id, amount }) => [account_id, amount]));
  return {
    agents: { total: found.total, suspended: found.suspended },
    tasks: Object.fromEntries(taskStatuses.map((status) => [status, byStatus.get(status) ?? 0])),
    credits: {
      supply: -(of.get(mintAccount) ?? 0),
      agents: sums.agents,
      escrow: sums.escrow,
      fees: of.get(feesAccount) ?? 0,
    },
  };
};

export default count;
