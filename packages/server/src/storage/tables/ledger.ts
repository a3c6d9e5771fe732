/** Accounts, and the entries that their balances are the sums of. */
export interface LedgerTables {
  accounts: AccountsTable;
  ledger_entries: LedgerEntriesTable;
  audited_balances: AuditedBalancesTable;
}

interface AccountsTable {
  /** An agent's id, or a task's id for its escrow. */
  id: string;
  balance: number;
}

interface LedgerEntriesTable {
  transfer_id: string;
  /** An agent, a task's escrow, `fees` or `mint`. */
  account_id: string;
  amount: number;
  reason: string;
  task_id: string | null;
  created_at: number;
}

/** The sum of the entries of an account that has many, up to a transfer (`audit/recent.ts`). */
interface AuditedBalancesTable {
  account_id: string;
  transfer_id: string;
  balance: number;
}
