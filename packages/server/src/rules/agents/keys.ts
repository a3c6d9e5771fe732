import { hash } from 'node:crypto';
import { type KeyResponse, type Scope, scopes } from '@pinchwork/sdk/table';
import { hourMs, wireTime } from '../../ground/clock.ts';
import { DomainError } from '../../ground/errors.ts';
import { createApiKey } from '../../ground/ids.ts';
import type { Reader, Tx } from '../../storage/database.ts';
import { addSpending, type KeyRow, spentSince } from './key-queries.ts';

/** The terms of a key. */
export interface Key {
  readonly id: string;
  readonly agentId: string;
  readonly scopes: readonly Scope[];
  /** The id under which its spending is counted. */
  readonly budgetId: string;
  readonly maxCreditsPerTask: number | null;
  readonly maxCreditsPerDay: number | null;
  /** Epoch milliseconds; null: it has no end. */
  readonly expiresAt: number | null;
  readonly rotatedAt: number | null;
  /** Whether it was revoked, or rotated without an overlap. It has ended then, whatever the clock says. */
  readonly isEnded: boolean;
}

/** The time span over which a budget counts the credits held. */
export const budgetMs = 24 * hourMs;

export const keyOf = (row: KeyRow): Key => ({
  id: row.id,
  agentId: row.agent_id,
  scopes: readScopes(row),
  budgetId: row.budget_id,
  maxCreditsPerTask: row.max_credits_per_task,
  maxCreditsPerDay: row.max_credits_per_day,
  expiresAt: row.expires_at,
  rotatedAt: row.rotated_at,
  isEnded: row.ended_at !== null,
});

/** The scopes of a stored key: checked when it was made. */
export const readScopes = (row: Pick<KeyRow, 'scopes'>) => row.scopes.split(',') as Scope[];

/** SHA-256 is enough: keys are 256 random bits and cannot be guessed. */
export const hashKey = (key: string) => hash('sha256', key, 'hex');

/** A newly generated key, with the values that the database stores. */
interface DrawnKey {
  readonly key: string;
  readonly id: string;
  readonly hash: string;
}

export function drawKey(): DrawnKey {
  const { keyId, key } = createApiKey();
  return { key, id: keyId, hash: hashKey(key) };
}

/** The terms of a new key. */
type KeyTerms = Pick<
  KeyRow,
  'agent_id' | 'name' | 'scopes' | 'max_credits_per_task' | 'max_credits_per_day' | 'expires_at'
>;

/** The row of a new key. A key that replaces another shares its budget. */
export const newKeyRow = (drawn: DrawnKey, terms: KeyTerms, now: number, budgetId = drawn.id) => ({
  id: drawn.id,
  key_hash: drawn.hash,
  agent_id: terms.agent_id,
  name: terms.name,
  scopes: terms.scopes,
  max_credits_per_task: terms.max_credits_per_task,
  max_credits_per_day: terms.max_credits_per_day,
  expires_at: terms.expires_at,
  budget_id: budgetId,
  created_at: now,
});

/** The row of an agent's first key, or of a key that replaces all others. It has all scopes. */
export const firstKey = (drawn: DrawnKey, agentId: string, now: number) =>
  newKeyRow(
    drawn,
    {
      agent_id: agentId,
      name: 'default',
      scopes: scopes.join(','),
      max_credits_per_task: null,
      max_credits_per_day: null,
      expires_at: null,
    },
    now,
  );

/** The spending of an agent's keys in the last 24 hours, by budget. */
export async function spentToday(reader: Reader, agentId: string, now: number): Promise<ReadonlyMap<string, number>> {
  const rows = await reader.all(spentSince, { agent_id: agentId, since: now - budgetMs });
  return new Map(rows.map(({ budget_id, spent }) => [budget_id, spent]));
}

/** A key as replies show it. */
export const keyView = (row: KeyRow, spent: ReadonlyMap<string, number>, lastUse: number | undefined): KeyResponse => ({
  key_id: row.id,
  name: row.name,
  scopes: readScopes(row),
  max_credits_per_task: row.max_credits_per_task,
  max_credits_per_day: row.max_credits_per_day,
  spent_today: spent.get(row.budget_id) ?? 0,
  created_at: wireTime(row.created_at),
  expires_at: wireTime(row.expires_at),
  last_used_at: wireTime(lastUse ?? row.last_used_at),
});

/**
 * Checks that the budget of a key covers the price of a task, before anything is changed.
 *
 * @throws DomainError `budget_exceeded`, with the amount that is left.
 */
export async function checkBudget(reader: Reader, key: Key, amount: number, now: number): Promise<void> {
  if (key.maxCreditsPerTask !== null && amount > key.maxCreditsPerTask) {
    throw new DomainError(
      'budget_exceeded',
      `Over the budget of this key: the task holds ${amount}, and the key may hold ${key.maxCreditsPerTask} for a task`,
      'Lower max_credits, or use another key.',
    );
  }
  await checkBudgetOfDay(reader, key, amount, now);
}

/**
 * The same for credits that no task holds: a deposit counts in what the key may hold in a day, not in what it may hold
 * for a task.
 *
 * @throws DomainError `budget_exceeded`.
 */
export async function checkBudgetOfDay(reader: Reader, key: Key, amount: number, now: number): Promise<void> {
  if (key.maxCreditsPerDay === null) return;
  const spent = (await spentToday(reader, key.agentId, now)).get(key.budgetId) ?? 0;
  if (spent + amount > key.maxCreditsPerDay) throw overBudget(amount, key.maxCreditsPerDay, spent);
}

/**
 * Counts the credits held with a key. Call it after the hold: its lock on the agent's account serialises spending from
 * the same budget.
 *
 * @throws DomainError `budget_exceeded` when concurrent spending has used up the budget.
 */
export async function spend(tx: Tx, key: Key, amount: number, now: number): Promise<void> {
  tx.send(addSpending, { agent_id: key.agentId, at: now, budget_id: key.budgetId, amount });
  if (key.maxCreditsPerDay === null) return;
  const spent = (await spentToday(tx, key.agentId, now)).get(key.budgetId) ?? 0;
  if (spent > key.maxCreditsPerDay) throw overBudget(amount, key.maxCreditsPerDay, spent - amount);
}

function overBudget(amount: number, most: number, spent: number): DomainError {
  const left = Math.max(0, most - spent);
  return new DomainError(
    'budget_exceeded',
    `Over the budget of this key: this holds ${amount}, and ${left} credits are left of its ${most} in 24 hours`,
    'Lower max_credits, wait, or use another key.',
  );
}
