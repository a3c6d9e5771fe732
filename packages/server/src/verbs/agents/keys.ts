import {
  type CreateKeyRequest,
  type CreateKeyResponse,
  type KeysResponse,
  limits,
  type RevokeKeyResponse,
  type Scope,
} from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { hourMs, minuteMs, wireTime } from '../../ground/clock.ts';
import { conflict, DomainError, invalid, notFound } from '../../ground/errors.ts';
import { present } from '../../ground/present.ts';
import { endedKey } from '../../rules/agents/authenticator.ts';
import { endKey, holdAgent, insertKey, type KeyRow, liveKeys, rotateIfLive } from '../../rules/agents/key-queries.ts';
import { drawKey, keyView, newKeyRow, readScopes, spentToday } from '../../rules/agents/keys.ts';
import { appendEvent } from '../../rules/events/append.ts';
import { barKey } from '../../rules/operator/suspension.ts';
import type { Tx } from '../../storage/database.ts';
import type { Work } from '../../storage/ground.ts';
import type { Call, Context } from '../context.ts';

const dayMs = 24 * hourMs;

/** The live keys of an agent, oldest first. */
export async function listKeys({ ctx, agentId }: Call): Promise<KeysResponse> {
  const now = ctx.clock.now();
  const [rows, spent] = await Promise.all([
    ctx.db.all(liveKeys, { agent_id: agentId, now }),
    spentToday(ctx.db, agentId, now),
  ]);
  const keys = rows.map((row) => keyView(row, spent, ctx.authenticator.lastUse(row.id)));
  return { keys, total: keys.length };
}

/**
 * Makes another key for an agent. Only this reply shows it.
 *
 * @throws DomainError `invalid_request`, `scope_missing`, `conflict` when the agent has the maximum number of keys.
 */
export function createKey(call: Call, input: z.output<typeof CreateKeyRequest>): Promise<CreateKeyResponse> {
  const { ctx, agentId } = call;
  const scopes = scopesOf(input, present(call.key, 'The key of the call').scopes);
  return call.transact('create key', async (tx) => {
    const now = ctx.clock.now();
    const keys = await holdKeys(tx, call, now);
    checkCount(keys);
    const { name } = input;
    const terms = {
      agent_id: agentId,
      name,
      scopes: scopes.join(','),
      max_credits_per_task: input.max_credits_per_task ?? null,
      max_credits_per_day: input.max_credits_per_day ?? null,
      expires_at: endOf(input, keys.find(({ id }) => id === call.key?.id)?.expires_at ?? null, now),
    };
    const drawn = drawKey();
    const row = newKeyRow(drawn, terms, now);
    tx.send(insertKey, row);
    await tell({ ctx, tx, now }, 'key_created', row);
    return shown(row, new Map(), drawn.key);
  });
}

/**
 * The scopes of a new key: the requested ones, otherwise those of the calling key, without `manage` if it has a budget.
 */
function scopesOf(input: z.output<typeof CreateKeyRequest>, held: readonly Scope[]): readonly Scope[] {
  const hasBudget = input.max_credits_per_task !== undefined || input.max_credits_per_day !== undefined;
  if (input.scopes === undefined) {
    const own = hasBudget ? held.filter((scope) => scope !== 'manage') : held;
    return own.length === 0 ? ['read'] : own;
  }
  if (hasBudget && input.scopes.includes('manage')) {
    throw invalid(
      'scopes: a key with a budget can\'t have "manage"',
      'A key with manage can make one without a budget; leave out either.',
    );
  }
  const lacking = input.scopes.filter((scope) => scope !== 'read' && !held.includes(scope));
  if (lacking.length > 0) {
    throw new DomainError(
      'scope_missing',
      `This key lacks the scope ${lacking.map((scope) => `"${scope}"`).join(' and ')}, so no key that it makes can have it`,
      'Make the key with one that has all scopes, such as your first.',
    );
  }
  return input.scopes;
}

/**
 * When a new key ends: as requested, otherwise with the key that makes it. No key outlives its maker. So somebody who
 * holds a key for a limited time can't keep access for longer.
 *
 * @throws DomainError `invalid_request`.
 */
function endOf(
  { expires_in_days: days }: z.output<typeof CreateKeyRequest>,
  makersEnd: number | null,
  now: number,
): number | null {
  if (days === undefined) return makersEnd;
  const end = now + days * dayMs;
  if (makersEnd === null || end <= makersEnd) return end;
  throw invalid(
    `expires_in_days: the key that makes this one ends at ${wireTime(makersEnd)}, and no key outlives its maker`,
    'Leave it out, and the new key ends with its maker; or make it with a key that does not expire.',
  );
}

/**
 * Locks the agent, so that changes of its keys run one after the other, and reads its live keys.
 *
 * @throws DomainError `unauthorized` when the key that calls has ended since it was admitted.
 */
async function holdKeys(tx: Tx, { agentId, key }: Call, now: number): Promise<KeyRow[]> {
  await tx.first(holdAgent, { id: agentId });
  const keys = await tx.all(liveKeys, { agent_id: agentId, now });
  if (!keys.some(({ id }) => id === key?.id)) throw endedKey();
  return keys;
}

/** @throws DomainError `conflict` when there is no room for another key. */
function checkCount(keys: readonly KeyRow[]): void {
  if (keys.length < limits.keysPerAgent) return;
  throw conflict(`You have ${limits.keysPerAgent} keys already`, 'Revoke one first: DELETE /v1/me/keys/{id}.');
}

type NewRow = ReturnType<typeof newKeyRow>;

const shown = (row: NewRow, spent: ReadonlyMap<string, number>, api_key: string): CreateKeyResponse => ({
  ...keyView({ ...row, rotated_at: null, ended_at: null, last_used_at: null }, spent, undefined),
  api_key,
});

/** Sends an agent an event about one of its keys. Call it after all other changes of the transaction. */
export const tell = (
  work: Work,
  type: 'key_created' | 'key_revoked',
  { agent_id, id, name }: Pick<KeyRow, 'agent_id' | 'id' | 'name'>,
) => appendEvent(work, { agentId: agent_id, taskId: null, type, data: { key_id: id, name } });

/** After the commit, refuses further requests of ended keys and closes their streams and waits on this server. */
export function endHere(ctx: Context, tx: Tx, agentId: string, keyIds: readonly string[]): void {
  tx.afterCommit(() => {
    ctx.authenticator.forget();
    for (const keyId of keyIds) barKey(ctx, agentId, keyId);
  });
}

/**
 * Ends a key: its requests, streams and waits, on every server within a second.
 *
 * @throws DomainError `not_found`, `conflict` for the last key that can make keys and does not expire.
 */
export function revokeKey(call: Call, keyId: string): Promise<RevokeKeyResponse> {
  const { ctx, agentId } = call;
  return call.transact('revoke key', async (tx) => {
    const now = ctx.clock.now();
    const keys = await holdKeys(tx, call, now);
    const key = keys.find(({ id }) => id === keyId);
    if (key === undefined) throw notFound('key');
    const lasting = keys.filter((each) => each.expires_at === null && readScopes(each).includes('manage'));
    if (lasting.length === 1 && lasting[0] === key) {
      throw conflict(
        'This is your last key with the scope "manage" and without an expiry',
        'Make another such key first, or rotate this one: POST /v1/me/keys/rotate.',
      );
    }
    tx.send(endKey, { id: keyId, at: now });
    await tell({ ctx, tx, now }, 'key_revoked', key);
    endHere(ctx, tx, agentId, [keyId]);
    return { key_id: keyId, revoked: true };
  });
}

/**
 * Replaces the calling key with a new one of the same terms; both share one budget. The old one ends after the overlap.
 *
 * @throws DomainError `unauthorized` when the key has ended, `conflict` when it was rotated before, or when an overlap is
 *   requested while the previous key still works: a key without `manage` could otherwise fill the agent's list of keys.
 */
export function rotateKey(call: Call, overlapMinutes: number): Promise<CreateKeyResponse> {
  const { ctx, agentId } = call;
  const { id } = present(call.key, 'The key of the call');
  return call.transact('rotate key', async (tx) => {
    const now = ctx.clock.now();
    const ends_at = now + overlapMinutes * minuteMs;
    const keys = await holdKeys(tx, call, now);
    const old = present(
      keys.find((key) => key.id === id),
      'The key of the call',
    );
    const isShared = keys.some((key) => key.id !== id && key.budget_id === old.budget_id);
    if (isShared && old.rotated_at === null && overlapMinutes > 0) {
      throw conflict(
        'The key before this one still works',
        'Wait for the end of its overlap, or rotate with overlap_minutes 0.',
      );
    }
    if ((await tx.run(rotateIfLive, { id, at: now, ends_at, ended_at: overlapMinutes === 0 ? now : null })) === 0) {
      throw conflict('This key has been rotated already', 'Use the key that took its place.');
    }
    if (overlapMinutes > 0) checkCount(keys);
    const drawn = drawKey();
    const row = newKeyRow(drawn, old, now, old.budget_id);
    tx.send(insertKey, row);
    await tell({ ctx, tx, now }, 'key_created', row);
    if (overlapMinutes === 0) {
      await tell({ ctx, tx, now }, 'key_revoked', old);
      endHere(ctx, tx, agentId, [id]);
    } else tx.afterCommit(() => ctx.authenticator.forget());
    return shown(row, await spentToday(tx, agentId, now), drawn.key);
  });
}
