import type { Tx } from '../../storage/database.ts';
import { DomainError, invalid } from '../../ground/errors.ts';
import * as queries from './queries.ts';

/**
 * Double entry (contract section 4): every movement is a transfer whose entries sum to zero, written once and never
 * changed. Agents and escrows have a stored balance that can't go below zero; `mint`, where credits come from, and
 * `fees`, where the platform's part goes, are the sums of their entries: a row that every approval updates would put
 * all approvals in one line (5.9 times slower).
 *
 * Nothing outside this folder writes to `accounts` or `ledger_entries`. Every verb here locks its accounts in the
 * order of their ids, so call it after all other updates of the transaction and only once.
 */
export const mintAccount = 'mint';
export const feesAccount = 'fees';

interface Transfer {
  /** An id of kind `ledgerEntry`; each account sees its own leg of the transfer under it. */
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

/** Opens a new agent's account with credits from the mint; `signup_bonus` in its ledger. */
export function openAgentAccount(tx: Tx, transfer: Transfer, agentId: string, bonus: number): void {
  tx.send(queries.openAccount, { id: agentId, balance: bonus });
  if (bonus > 0) writeEntries(tx, transfer, null, mintLegs(agentId, bonus, 'signup_bonus'));
}

/**
 * What the operator may grant in all: half of the integers that are exact everywhere (2^53). The other half is for what
 * else comes from the mint, so that no balance and no sum ever leaves them.
 */
export const mostGranted = 2 ** 52;

/**
 * Gives an agent credits from the mint. `reason` stands in its ledger.
 *
 * @throws DomainError `invalid_request` when more would be granted than can be counted exactly.
 */
export async function grant(
  tx: Tx,
  transfer: Transfer,
  { agentId, amount, reason }: { agentId: string; amount: number; reason: string },
): Promise<void> {
  if ((await tx.run(queries.countGrant, { amount, most: mostGranted })) === 0) {
    const { granted } = (await tx.first(queries.grantedSoFar, {}))!;
    throw invalid(
      `amount: at most ${mostGranted - Number(granted)} more credits can be granted on this market`,
      'Balances and their sums must stay exact.',
    );
  }
  tx.send(queries.deposit, { id: agentId, amount });
  writeEntries(tx, transfer, null, mintLegs(agentId, amount, reason));
}

const mintLegs = (agentId: string, amount: number, reason: string): Leg[] => [
  { account: mintAccount, amount: -amount, reason },
  { account: agentId, amount, reason },
];

/**
 * Puts a new task's price into its escrow.
 *
 * @throws DomainError `insufficient_credits` when the poster has less than `amount`.
 */
export async function hold(
  tx: Tx,
  transfer: Transfer,
  task: { id: string; poster_id: string; max_credits: number },
): Promise<void> {
  const price = task.max_credits;
  if ((await tx.run(queries.withdrawIfCovered, { id: task.poster_id, amount: price })) === 0) {
    const balance = (await tx.first(queries.accountBalance, { id: task.poster_id }))?.balance ?? 0;
    throw new DomainError(
      'insufficient_credits',
      `Not enough credits: the task holds ${price}, you have ${balance}`,
      'Lower max_credits, or earn credits by picking up tasks.',
    );
  }
  tx.send(queries.openAccount, { id: task.id, balance: price });
  writeEntries(tx, transfer, task.id, [
    { account: task.poster_id, amount: -price, reason: 'escrow' },
    { account: task.id, amount: price, reason: 'escrow' },
  ]);
}

interface Settlement {
  readonly id: string;
  readonly poster_id: string;
  readonly worker_id: string;
  readonly max_credits: number;
  readonly credits_charged: number;
  /** The platform's part in millionths. */
  readonly fee_ppm: number;
}

/** The platform's part of a payment, rounded down to whole credits (contract section 4). */
export function feeOf(creditsCharged: number, feePpm: number): number {
  return Math.floor((creditsCharged * feePpm) / 1_000_000);
}

/** Empties an approved task's escrow: to the worker what is charged less the fee, the rest back to the poster. */
export async function settle(tx: Tx, transfer: Transfer, task: Settlement): Promise<void> {
  const fee = feeOf(task.credits_charged, task.fee_ppm);
  await emptyEscrow(tx, transfer, task, [
    { account: task.worker_id, amount: task.credits_charged - fee, reason: 'payment' },
    { account: feesAccount, amount: fee, reason: 'platform_fee' },
    { account: task.poster_id, amount: task.max_credits - task.credits_charged, reason: 'refund' },
  ]);
}

/** Pays for one of the platform's own tasks, from the mint and in full; `payment` in the worker's ledger. */
export function pay(tx: Tx, transfer: Transfer, task: { id: string; worker_id: string; price: number }): void {
  tx.send(queries.deposit, { id: task.worker_id, amount: task.price });
  writeEntries(tx, transfer, task.id, mintLegs(task.worker_id, task.price, 'payment'));
}

/** Gives a cancelled or expired task's whole escrow back to its poster. */
export async function voidHold(
  tx: Tx,
  transfer: Transfer,
  task: { id: string; poster_id: string; max_credits: number },
): Promise<void> {
  await emptyEscrow(tx, transfer, task, [{ account: task.poster_id, amount: task.max_credits, reason: 'refund' }]);
}

/** Pays `payments`, which sum to the task's price, out of its escrow. Agents' ids sort before tasks'. */
async function emptyEscrow(
  tx: Tx,
  transfer: Transfer,
  task: { id: string; max_credits: number },
  payments: Leg[],
): Promise<void> {
  const paid = payments.filter(({ amount }) => amount > 0);
  const deposits = paid.filter(stored).sort((a, b) => (a.account < b.account ? -1 : 1));
  for (const { account, amount } of deposits) tx.send(queries.deposit, { id: account, amount });
  if ((await tx.run(queries.withdrawIfCovered, { id: task.id, amount: task.max_credits })) === 0) {
    throw new Error(`The escrow of ${task.id} does not hold its ${task.max_credits} credits`);
  }
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
