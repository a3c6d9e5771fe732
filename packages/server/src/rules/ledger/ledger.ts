import type { Reader, Tx } from '../../storage/database.ts';
import { DomainError, invalid } from '../../ground/errors.ts';
import * as queries from './queries.ts';

/**
 * Double-entry bookkeeping (contract section 4). Every movement of credits is a transfer with entries that sum to zero,
 * written once and never changed. Agents and escrows have a stored balance that cannot go below zero. The balances of
 * `mint`, the source of credits, and `fees`, the platform's income, are not stored but are the sums of their entries: a
 * stored row would be updated by every approval and serialize them all (5.9 times slower).
 *
 * Only this folder writes to `accounts` and `ledger_entries`. Every function here locks accounts in the order of their
 * ids, so call it once per transaction and task, after all other updates.
 */
export const mintAccount = 'mint';
export const feesAccount = 'fees';

interface Transfer {
  /** An id of kind `ledgerEntry`; each account sees its own entry under this id. */
  readonly transferId: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

interface Leg {
  readonly account: string;
  readonly amount: number;
  readonly reason: string;
}

const stored = (leg: Leg) => leg.account !== mintAccount && leg.account !== feesAccount;

/** Opens a new agent's account with `bonus` credits from the mint, as `signup_bonus` in its ledger. */
export function openAgentAccount(tx: Tx, transfer: Transfer, agentId: string, bonus: number): void {
  tx.send(queries.openAccount, { id: agentId, balance: bonus });
  if (bonus > 0) writeEntries(tx, transfer, null, mintLegs(agentId, bonus, 'signup_bonus'));
}

/**
 * The most that the operator may grant in total, in credits: half of the largest exact integer (2^53). The other half
 * is left for other credits from the mint, so that every balance and sum stays exact.
 */
export const mostGranted = 2 ** 52;

/**
 * Gives an agent credits from the mint. `reason` is shown in its ledger.
 *
 * @throws DomainError `invalid_request` if the sum of all grants would exceed `mostGranted`.
 */
export async function grant(
  tx: Tx,
  transfer: Transfer,
  { agentId, amount, reason }: { agentId: string; amount: number; reason: string },
): Promise<void> {
  if ((await tx.run(queries.countGrant, { amount, most: mostGranted })) === 0) {
    const { granted } = await tx.one(queries.grantedSoFar, {});
    throw invalid(
      `amount: at most ${mostGranted - Number(granted)} more credits can be granted on this market`,
      'Balances and their sums must stay exact.',
    );
  }
  tx.send(queries.deposit, { id: agentId, amount });
  writeEntries(tx, transfer, null, mintLegs(agentId, amount, reason));
}

/**
 * Takes credits from an agent's account, at most what is there, for the platform's fees.
 *
 * @returns what was taken, and the balance that is left.
 */
export async function debit(
  tx: Tx,
  transfer: Transfer,
  { agentId, amount, reason }: { agentId: string; amount: number; reason: 'admin_debit' | 'account_closed' },
): Promise<{ debited: number; balance: number }> {
  const { balance } = await tx.one(queries.holdAccount, { id: agentId });
  const debited = Math.min(amount, balance);
  if (debited > 0) {
    await tx.run(queries.withdrawIfCovered, { id: agentId, amount: debited });
    writeEntries(tx, transfer, null, [
      { account: agentId, amount: -debited, reason },
      { account: feesAccount, amount: debited, reason },
    ]);
  }
  return { debited, balance: balance - debited };
}

const mintLegs = (agentId: string, amount: number, reason: string): Leg[] => [
  { account: mintAccount, amount: -amount, reason },
  { account: agentId, amount, reason },
];

/**
 * Moves a new task's `max_credits` from its poster to its escrow. The transaction fails with `insufficient_credits` if
 * the poster's balance is lower.
 */
export function hold(tx: Tx, transfer: Transfer, task: { id: string; poster_id: string; max_credits: number }): void {
  const price = task.max_credits;
  const taken = { id: task.poster_id, amount: price };
  tx.mustChange(queries.withdrawIfCovered, taken, async () => insufficientCredits(price, await balanceOf(tx, taken)));
  tx.send(queries.openAccount, { id: task.id, balance: price });
  writeEntries(tx, transfer, task.id, [
    { account: task.poster_id, amount: -price, reason: 'escrow' },
    { account: task.id, amount: price, reason: 'escrow' },
  ]);
}

interface Deposit {
  /** The dispute, which is the account of its deposit. */
  readonly id: string;
  readonly task_id: string;
  readonly worker_id: string;
  readonly amount: number;
}

/**
 * Moves a worker's deposit to the account of its dispute. The transaction fails with `insufficient_credits` if its
 * balance is lower.
 */
export function holdDeposit(tx: Tx, transfer: Transfer, { id, task_id, worker_id, amount }: Deposit): void {
  const taken = { id: worker_id, amount };
  tx.mustChange(
    queries.withdrawIfCovered,
    taken,
    async () =>
      new DomainError(
        'insufficient_credits',
        `Not enough credits: the deposit is ${amount}, you have ${await balanceOf(tx, taken)}`,
        'Earn credits by picking up tasks, or let the grace pass.',
      ),
  );
  tx.send(queries.openAccount, { id, balance: amount });
  writeEntries(tx, transfer, task_id, [
    { account: worker_id, amount: -amount, reason: 'dispute_deposit' },
    { account: id, amount, reason: 'dispute_deposit' },
  ]);
}

/** Returns a deposit to its worker, or takes it for the fees. */
export function endDeposit(
  tx: Tx,
  transfer: Transfer,
  { id, task_id, worker_id, amount, to }: Deposit & { readonly to: 'worker' | 'fees' },
): void {
  const reason = to === 'worker' ? 'deposit_returned' : 'deposit_forfeited';
  if (to === 'worker') tx.send(queries.deposit, { id: worker_id, amount });
  tx.mustChange(
    queries.withdrawIfCovered,
    { id, amount },
    () => new Error(`The account of ${id} does not hold its deposit of ${amount} credits`),
  );
  writeEntries(tx, transfer, task_id, [
    { account: id, amount: -amount, reason },
    { account: to === 'worker' ? worker_id : feesAccount, amount, reason },
  ]);
}

const balanceOf = async (reader: Reader, { id }: { id: string }): Promise<number> =>
  (await reader.first(queries.accountBalance, { id }))?.balance ?? 0;

export const insufficientCredits = (price: number, balance: number) =>
  new DomainError(
    'insufficient_credits',
    `Not enough credits: the task holds ${price}, you have ${balance}`,
    'Lower max_credits, or earn credits: POST /v1/tasks/pickup gives you a task.',
  );

interface Settlement {
  readonly id: string;
  readonly poster_id: string;
  readonly worker_id: string;
  readonly max_credits: number;
  readonly credits_charged: number;
  /** The platform's part of the payment, in millionths. */
  readonly fee_ppm: number;
}

/** The platform's fee on a payment, rounded down to whole credits (contract section 4). */
export function feeOf(creditsCharged: number, feePpm: number): number {
  return Math.floor((creditsCharged * feePpm) / 1_000_000);
}

/**
 * Empties an approved task's escrow: the charge minus the fee to the worker, the fee to `fees`, the rest to the
 * poster.
 */
export function settle(tx: Tx, transfer: Transfer, task: Settlement): void {
  const fee = feeOf(task.credits_charged, task.fee_ppm);
  emptyEscrow(tx, transfer, task, [
    { account: task.worker_id, amount: task.credits_charged - fee, reason: 'payment' },
    { account: feesAccount, amount: fee, reason: 'platform_fee' },
    { account: task.poster_id, amount: task.max_credits - task.credits_charged, reason: 'refund' },
  ]);
}

/** Pays for a system task from the mint, without a fee, as `payment` in the worker's ledger. */
export function pay(tx: Tx, transfer: Transfer, task: { id: string; worker_id: string; price: number }): void {
  tx.send(queries.deposit, { id: task.worker_id, amount: task.price });
  writeEntries(tx, transfer, task.id, mintLegs(task.worker_id, task.price, 'payment'));
}

/** Returns the whole escrow of a cancelled or expired task to its poster. */
export function voidHold(
  tx: Tx,
  transfer: Transfer,
  task: { id: string; poster_id: string; max_credits: number },
): void {
  emptyEscrow(tx, transfer, task, [{ account: task.poster_id, amount: task.max_credits, reason: 'refund' }]);
}

/**
 * Makes `payments`, which sum to `max_credits`, from a task's escrow. Locks agents first: their ids sort before
 * tasks.
 */
function emptyEscrow(tx: Tx, transfer: Transfer, task: { id: string; max_credits: number }, payments: Leg[]): void {
  const paid = payments.filter(({ amount }) => amount > 0);
  const deposits = paid.filter(stored).sort((a, b) => (a.account < b.account ? -1 : 1));
  for (const { account, amount } of deposits) tx.send(queries.deposit, { id: account, amount });
  tx.mustChange(
    queries.withdrawIfCovered,
    { id: task.id, amount: task.max_credits },
    () => new Error(`The escrow of ${task.id} does not hold its ${task.max_credits} credits`),
  );
  const reason = paid.length === 1 && paid[0]?.reason === 'refund' ? 'refund' : 'payment';
  writeEntries(tx, transfer, task.id, [{ account: task.id, amount: -task.max_credits, reason }, ...paid]);
}

function writeEntries(tx: Tx, { transferId, at }: Transfer, taskId: string | null, legs: Leg[]): void {
  const params: queries.TransferParams = { transfer_id: transferId, task_id: taskId, created_at: at };
  for (const [i, { account, amount, reason }] of legs.entries()) {
    params[`account_${i}`] = account;
    params[`amount_${i}`] = amount;
    params[`reason_${i}`] = reason;
  }
  tx.send(queries.insertEntries(legs.length), params);
}
