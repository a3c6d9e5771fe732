import { sql } from 'kysely';
import { endedStates, paidStates } from '../ground/states.ts';
import { feesAccount, mintAccount } from '../rules/ledger/ledger.ts';
import { statusIn } from '../storage/status.ts';
import { type Check, check, isWork, list, total, within } from './check.ts';

/** The invariants of the ledger: transfers, accounts, and the credits of each task. */

const platformAccounts = list([mintAccount, feesAccount]);
const transferId = 'e.transfer_id';

/** Checks over ranges of transfers. */
export const transferChecks: readonly Check[] = [
  check(
    'every transfer sums to zero',
    (scope) => sql`
      select e.transfer_id as subject, 'sums to ' || sum(e.amount) as detail
      from ledger_entries e where ${within(transferId, scope)}
      group by e.transfer_id having sum(e.amount) <> 0`,
  ),
  check(
    'every entry belongs to an account',
    (scope) => sql`
      select e.transfer_id as subject, 'no account ' || e.account_id as detail
      from ledger_entries e
      where ${within(transferId, scope)} and e.account_id not in (${platformAccounts})
        and not exists (select 1 from accounts a where a.id = e.account_id)`,
  ),
];

/**
 * The number of transfers in a range, and the amounts that they moved through the two accounts without a stored
 * balance.
 */
export const transferTotals = total<{
  transfers: number;
  mint: number;
  fees: number;
  /** When the youngest of them was made. */
  settled: number | null;
}>(
  'transferTotals',
  (scope) => sql`
    select count(distinct e.transfer_id) as transfers,
      coalesce(sum(case when e.account_id = ${sql.lit(mintAccount)} then e.amount end), 0) as mint,
      coalesce(sum(case when e.account_id = ${sql.lit(feesAccount)} then e.amount end), 0) as fees,
      max(e.created_at) as settled
    from ledger_entries e where ${within(transferId, scope)}`,
);

const accountId = 'a.id';

/** Checks over ranges of accounts. */
export const accountChecks: readonly Check[] = [
  check(
    'a stored balance is the sum of its entries, and not negative',
    (scope) => sql`
      select id as subject, 'balance ' || balance || ', entries sum to ' || entries as detail from (
        select a.id, a.balance,
          (select coalesce(sum(e.amount), 0) from ledger_entries e where e.account_id = a.id) as entries
        from accounts a where ${within(accountId, scope)}
      ) as compared
      where balance <> entries or balance < 0`,
  ),
  check(
    'every account belongs to an agent, a task or a dispute',
    (scope) => sql`
      select a.id as subject, 'holds ' || a.balance || ' for nobody' as detail
      from accounts a
      where ${within(accountId, scope)}
        and not exists (select 1 from agents g where g.id = a.id)
        and not exists (select 1 from tasks t where t.id = a.id)
        and not exists (select 1 from disputes d where d.id = a.id)`,
  ),
];

const taskId = 't.id';

/** Checks over ranges of tasks. */
export const creditChecks: readonly Check[] = [
  check(
    'an open task holds its price in escrow, an ended one nothing',
    (scope) => sql`
      select t.id as subject, t.status || ' at ' || t.max_credits || ' credits holds ' || coalesce(a.balance, -1) as detail
      from tasks t left join accounts a on a.id = t.id
      where ${within(taskId, scope)} and ${isWork}
        and coalesce(a.balance, -1) <> case when ${statusIn('t.status', endedStates)} then 0 else t.max_credits end`,
  ),
  check(
    'an ended task was settled exactly once',
    (scope) => sql`
      select id as subject, status || ', settled ' || settled || ' times' as detail from (
        select t.id, t.status,
          (select count(*) from ledger_entries e where e.account_id = t.id and e.amount < 0) as settled
        from tasks t where ${within(taskId, scope)} and ${isWork}
      ) as counted
      where settled <> case when ${statusIn('status', endedStates)} then 1 else 0 end`,
  ),
  check(
    'an approved task paid its worker the charge minus the fee, any other task paid nobody',
    (scope) => sql`
      select id as subject, status || ', paid ' || paid || ' for ' || coalesce(credits_charged, 0) as detail from (
        select t.id, t.status, t.credits_charged, t.fee_ppm,
          coalesce((select sum(p.amount) from ledger_entries e
            join ledger_entries p on p.transfer_id = e.transfer_id
            where e.account_id = t.id and e.amount < 0 and p.account_id = t.worker_id), 0) as paid
        from tasks t where ${within(taskId, scope)} and ${isWork}
      ) as compared
      where paid is distinct from
        case when ${statusIn('status', paidStates)} then credits_charged - credits_charged * fee_ppm / 1000000 else 0 end`,
  ),
  check(
    'a settlement gave the fee to the platform and the rest to the poster, and nothing to anybody else',
    (scope) => sql`
      select id as subject, status || ' at ' || max_credits || ', charged ' || coalesce(credits_charged, 0)
        || ': fee ' || fee || ', back ' || back || ', to others ' || strangers || ' entries' as detail
      from (
        select t.id, t.status, t.max_credits, t.credits_charged, t.fee_ppm,
          coalesce(sum(case when p.account_id = ${sql.lit(feesAccount)} then p.amount end), 0) as fee,
          coalesce(sum(case when p.account_id = t.poster_id then p.amount end), 0) as back,
          count(case when p.account_id not in (t.id, t.poster_id, ${sql.lit(feesAccount)})
            and p.account_id is distinct from t.worker_id then 1 end) as strangers
        from tasks t
        left join ledger_entries e on e.account_id = t.id and e.amount < 0
        left join ledger_entries p on p.transfer_id = e.transfer_id
        where ${within(taskId, scope)} and ${isWork}
        group by t.id
      ) as compared
      where strangers <> 0
        or fee is distinct from case when ${statusIn('status', paidStates)} then credits_charged * fee_ppm / 1000000 else 0 end
        or back is distinct from case
          when ${statusIn('status', paidStates)} then max_credits - credits_charged
          when ${statusIn('status', endedStates)} then max_credits
          else 0 end`,
  ),
];
