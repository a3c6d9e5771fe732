import { type Selectable, sql } from 'kysely';
import { insertion, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

/** The SQL of keys and of their spending. */
export type KeyRow = Selectable<Schema['api_keys']>;

export const insertKey = insertion(
  'api_keys',
  'id',
  'agent_id',
  'key_hash',
  'name',
  'scopes',
  'max_credits_per_task',
  'max_credits_per_day',
  'budget_id',
  'created_at',
  'expires_at',
);

/** A key by its id, with whether its agent is suspended. */
export const keyById = prepared('keyById', (db, p: { id: string }) =>
  db
    .selectFrom('api_keys')
    .innerJoin('agents', 'agents.id', 'api_keys.agent_id')
    .selectAll('api_keys')
    .select('agents.suspended_at')
    .where('api_keys.id', '=', p.id),
);

/** Locks an agent's row. Every change of its keys takes this lock, and so does what the platform spends on its account. */
export const holdAgent = prepared('holdAgent', (db, p: { id: string }, engine) =>
  engine.hold(db.selectFrom('agents').select('id').where('id', '=', p.id)),
);

/** The keys of an agent that have not ended, oldest first. There are at most `limits.keysPerAgent`. */
export const liveKeys = prepared('liveKeys', (db, p: { agent_id: string; now: number }) =>
  db
    .selectFrom('api_keys')
    .selectAll()
    .where('agent_id', '=', p.agent_id)
    .where('ended_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', p.now)]))
    .orderBy('created_at')
    .orderBy('id'),
);

/** Ends a key. A rotated key can then no longer repeat its rotation. */
export const endKey = prepared('endKey', (db, p: { id: string; at: number }) =>
  db.updateTable('api_keys').set({ expires_at: p.at, ended_at: p.at, rotated_at: null }).where('id', '=', p.id),
);

/**
 * Rotates a live key that was not rotated before. It ends at `ends_at`, or at its own earlier end. `ended_at` is set
 * where it ends at once.
 */
export const rotateIfLive = prepared(
  'rotateIfLive',
  (db, p: { id: string; at: number; ends_at: number; ended_at: number | null }) =>
    db
      .updateTable('api_keys')
      .set({
        rotated_at: p.at,
        ended_at: p.ended_at,
        expires_at: sql<number>`case when expires_at is null or expires_at > ${p.ends_at} then ${p.ends_at} else expires_at end`,
      })
      .where('id', '=', p.id)
      .where('rotated_at', 'is', null)
      .where('ended_at', 'is', null)
      .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', p.at)])),
);

/** Keys that were revoked, or rotated without an overlap, since a time, with their agents. */
export const keysEndedSince = prepared('keysEndedSince', (db, p: { since: number }) =>
  db
    .selectFrom('api_keys')
    .select(['id', 'agent_id'])
    .where('ended_at', '>', p.since)
    .where('ended_at', 'is not', null),
);

/** Keys that expired in a span of time, with their agents. */
export const keysExpired = prepared('keysExpired', (db, p: { since: number; upto: number }) =>
  db
    .selectFrom('api_keys')
    .select(['id', 'agent_id'])
    .where('expires_at', '>', p.since)
    .where('expires_at', '<=', p.upto),
);

/** Stores when a key was last used, unless the stored time is close to it. */
export const noteUse = prepared('noteUse', (db, p: { id: string; at: number; before: number }) =>
  db
    .updateTable('api_keys')
    .set({ last_used_at: p.at })
    .where('id', '=', p.id)
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<=', p.before)])),
);

/** Notes that the agent of a key was active on a day. */
export const noteActiveDay = prepared('noteActiveDay', (db, p: { key: string; day: number }) =>
  db
    .updateTable('agents')
    .set({ active_day: p.day })
    .where('id', '=', (eb) => eb.selectFrom('api_keys').select('agent_id').where('api_keys.id', '=', p.key))
    .where((eb) => eb.or([eb('active_day', 'is', null), eb('active_day', '<', p.day)])),
);

export const addSpending = prepared(
  'addSpending',
  (db, p: { agent_id: string; at: number; budget_id: string; amount: number }) =>
    db
      .insertInto('key_spending')
      .values({ agent_id: p.agent_id, at: p.at, budget_id: p.budget_id, amount: p.amount })
      .onConflict((conflict) =>
        conflict
          .columns(['agent_id', 'at', 'budget_id'])
          .doUpdateSet((eb) => ({ amount: eb('key_spending.amount', '+', eb.ref('excluded.amount')) })),
      ),
);

/** The spending from each of an agent's budgets since a time. */
export const spentSince = prepared(
  'spentSince',
  (db, p: { agent_id: string; since: number }) =>
    db
      .selectFrom('key_spending')
      .select(['budget_id', sql<number>`sum(amount)`.as('spent')])
      .where('agent_id', '=', p.agent_id)
      .where('at', '>', p.since)
      .groupBy('budget_id'),
  { bounded: 'what one agent posts in a day' },
);
