import { sql } from 'kysely';
import {
  counting,
  insertion,
  numberedCount,
  numberedText,
  type Params,
  perShape,
  prepared,
} from '../../storage/prepared.ts';
import { openStates } from '../../ground/states.ts';
import { statusIn } from '../../storage/status.ts';

/** Takes credits from an account; changes no row if the balance is too low. */
export const withdrawIfCovered = prepared('withdrawIfCovered', (db, p: { id: string; amount: number }) =>
  db
    .updateTable('accounts')
    .set((eb) => ({ balance: eb('balance', '-', p.amount) }))
    .where('id', '=', p.id)
    .where('balance', '>=', p.amount),
);

export const deposit = prepared('deposit', (db, p: { id: string; amount: number }) =>
  db
    .updateTable('accounts')
    .set((eb) => ({ balance: eb('balance', '+', p.amount) }))
    .where('id', '=', p.id),
);

export const openAccount = insertion('accounts', 'id', 'balance');

export interface TransferParams extends Record<string, string | number | null> {
  transfer_id: string;
  task_id: string | null;
  created_at: number;
}

/** Inserts a transfer of `entries` entries; entry `i` has the parameters `account_i`, `amount_i` and `reason_i`. */
export const insertEntries = perShape((entries: number) =>
  prepared(`insert${entries}Entries`, (db, p: TransferParams) =>
    db.insertInto('ledger_entries').values(
      Array.from({ length: entries }, (_, i) => ({
        transfer_id: p.transfer_id,
        account_id: numberedText(p, 'account', i),
        amount: numberedCount(p, 'amount', i),
        reason: numberedText(p, 'reason', i),
        task_id: p.task_id,
        created_at: p.created_at,
      })),
    ),
  ),
);

export const accountBalance = prepared('accountBalance', (db, p: { id: string }) =>
  db.selectFrom('accounts').select('balance').where('id', '=', p.id),
);

/** Locks an account without changing it. */
export const holdAccount = prepared('holdAccount', (db, p: { id: string }, engine) =>
  engine.hold(db.selectFrom('accounts').select(['id', 'balance']).where('id', '=', p.id)),
);

/** Locks two accounts in the order of their ids. */
export const holdAccounts = prepared('holdTwoAccounts', (db, p: { one: string; other: string }, engine) =>
  engine.hold(db.selectFrom('accounts').select('id').where('id', 'in', [p.one, p.other]).orderBy('id')),
);

/** An agent's balance, and the escrow of its open tasks with its open deposits, in one statement so that both are of the same moment. */
export const balanceAndEscrow = prepared('balanceAndEscrow', (db, p: { id: string }) =>
  db
    .selectFrom('accounts')
    .select((eb) => [
      'balance',
      eb
        .selectFrom('tasks')
        .select(sql<number>`coalesce(sum(max_credits), 0)`.as('tasks_hold'))
        .where('poster_id', '=', p.id)
        .where(statusIn('status', openStates))
        .as('tasks_hold'),
      eb
        .selectFrom('disputes')
        .select(sql<number>`coalesce(sum(deposit), 0)`.as('deposits'))
        .where('worker_id', '=', p.id)
        .where('status', '=', sql.lit('open'))
        .as('disputes_hold'),
    ])
    .where('id', '=', p.id),
);

export const countEntries = counting('countEntries', (db, p: { id: string }) =>
  db.selectFrom('ledger_entries').select('account_id').where('account_id', '=', p.id),
);

/** A page of an agent's ledger, newest first, with transfer ids below `before`. */
export const ledgerPage = prepared(
  'ledgerPage',
  (db, p: { id: string; before: string; limit: number; offset: number }) =>
    db
      .selectFrom('ledger_entries')
      .select(['transfer_id', 'amount', 'reason', 'task_id', 'created_at'])
      .where('account_id', '=', p.id)
      .where('transfer_id', '<', p.before)
      .orderBy('transfer_id', 'desc')
      .limit(p.limit)
      .offset(p.offset),
);

/** The row of `meta` that holds the sum of all grants. */
const grantedKey = 'granted';
const bigint = (value: unknown) => sql<number>`cast(${value} as bigint)`;
const withGrant = (amount: number) => sql<number>`cast(meta.value as bigint) + ${bigint(amount)}`;

/**
 * Adds to the sum of all grants, if it stays at most `most`. It is stored, because summing up the mint takes too
 * long.
 */
export const countGrant = prepared('countGrant', (db, p: { amount: number; most: number }) =>
  db
    .insertInto('meta')
    .values({ key: sql.lit(grantedKey), value: sql<string>`cast(${bigint(p.amount)} as text)` })
    .onConflict((conflict) =>
      conflict
        .column('key')
        .doUpdateSet({ value: sql<string>`cast(${withGrant(p.amount)} as text)` })
        .where(withGrant(p.amount), '<=', bigint(p.most)),
    ),
);

export const grantedSoFar = prepared('grantedSoFar', (db, _: Params) =>
  db.selectFrom('meta').select('value as granted').where('key', '=', sql.lit(grantedKey)),
);
