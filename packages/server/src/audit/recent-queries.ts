import { idPrefixes } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { type Params, prepared } from '../storage/prepared.ts';
import { report, total, within } from './check.ts';

/** What an audit of recent changes reads to find its subjects, and the sums that it keeps. */

/** The list of subjects for a statement. */
export const listOf = (subjects: readonly { id: string }[]): string => JSON.stringify(subjects.map(({ id }) => id));

const areAgents = sql.lit(`${idPrefixes.agent}%`);

/** The tasks and agents that the transfers of a range name. */
export const transferSubjects = total<{ id: string; is_agent: 0 | 1 }>(
  'transferSubjects',
  (scope) => sql`
    select e.task_id as id, 0 as is_agent from ledger_entries e
    where ${within('e.transfer_id', scope)} and e.task_id is not null
    union
    select e.account_id as id, 1 as is_agent from ledger_entries e
    where ${within('e.transfer_id', scope)} and e.account_id like ${areAgents}`,
);

/** Open tasks in the order in which the clock acts on them. */
export const openTasks = prepared('openTasksToAudit', (db, p: { due_at: number; id: string; limit: number }) =>
  db
    .selectFrom('tasks')
    .select(['id', sql<number>`due_at`.as('due_at')])
    .where('due_at', 'is not', null)
    .where((eb) => eb(eb.refTuple('due_at', 'id'), '>', eb.tuple(p.due_at, p.id)))
    .orderBy('due_at')
    .orderBy('id')
    .limit(p.limit),
);

/** Those of the listed agents whose streams have had at most `most` events. */
export const smallAgents = prepared('agentsToAudit', (db, p: { ids: string; most: number }, engine) =>
  db
    .selectFrom('event_cursors')
    .select('agent_id as id')
    .where(engine.isListed('agent_id', p.ids))
    .where('last_number', '<=', p.most),
);

/** The sum of an account's entries up to a transfer. */
export interface KeptBalance {
  readonly account_id: string;
  readonly transfer_id: string;
  readonly balance: number;
}

interface Summed {
  readonly id: string;
  readonly balance: number;
  /** The sum up to the position: the kept one, and the `entries` after it. */
  readonly sum: number;
  readonly entries: number;
  /** The sum of what came after the position. */
  readonly later: number;
}

/** The balances of the listed accounts, and the sums of their entries. */
export const keptAhead = report<{ ids: string; upto: string } & Params, Summed>(
  'balancesToAudit',
  ({ ids, upto }, engine) => sql`
    select a.id, a.balance,
      coalesce(k.balance, 0) + coalesce((select sum(e.amount) from ledger_entries e
        where e.account_id = a.id and e.transfer_id > coalesce(k.transfer_id, '') and e.transfer_id <= ${upto}), 0) as sum,
      (select count(*) from ledger_entries e
        where e.account_id = a.id and e.transfer_id > coalesce(k.transfer_id, '') and e.transfer_id <= ${upto}) as entries,
      coalesce((select sum(e.amount) from ledger_entries e
        where e.account_id = a.id and e.transfer_id > ${upto}), 0) as later
    from accounts a left join audited_balances k on k.account_id = a.id
    where ${engine.isListed('a.id', ids)}`,
);

export const keepBalance = prepared('keepAuditedBalance', (db, p: KeptBalance & Params) =>
  db
    .insertInto('audited_balances')
    .values(p)
    .onConflict((conflict) =>
      conflict.column('account_id').doUpdateSet({ transfer_id: p.transfer_id, balance: p.balance }),
    ),
);

export const forgetBalance = prepared('forgetAuditedBalance', (db, p: { account_id: string }) =>
  db.deleteFrom('audited_balances').where('account_id', '=', p.account_id),
);
