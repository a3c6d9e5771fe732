import { sql } from 'kysely';
import type { StepSql } from '../../step-sql.ts';

/** Accounts, and the entries that their balances are the sums of. */
export async function ledgerTables({ run, int, id, clustered }: StepSql): Promise<void> {
  await run(sql`create table accounts (
    id ${id} primary key,
    balance ${int} not null check (balance >= 0)
  ) ${clustered}`);

  await run(sql`create table ledger_entries (
    transfer_id ${id} not null,
    account_id ${id} not null,
    amount ${int} not null check (amount <> 0),
    reason text not null,
    task_id ${id},
    created_at ${int} not null,
    primary key (transfer_id, account_id)
  ) ${clustered}`);
  await run(sql`create index ledger_entries_by_account on ledger_entries (account_id, transfer_id)`);
  await run(
    sql`create index ledger_entries_of_platform on ledger_entries (task_id) where account_id = 'mint' and task_id is not null`,
  );
  // Sums up to a transfer, so that an audit need not read what another one has summed up.
  await run(sql`create table audited_balances (
    account_id ${id} primary key references accounts (id),
    transfer_id ${id} not null,
    balance ${int} not null
  ) ${clustered}`);
}
