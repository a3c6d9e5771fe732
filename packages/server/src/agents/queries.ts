import { type Selectable, sql } from 'kysely';
import { insertion, type Params, prepared, type SqlValue } from '../db/prepared.ts';
import type { Schema } from '../db/schema.ts';

export type AgentRow = Selectable<Schema['agents']>;

export const insertAgent = insertion(
  'agents',
  'id',
  'name',
  'good_at',
  'accepts_system_tasks',
  'webhook_url',
  'webhook_secret',
  'created_at',
);

export const insertApiKey = insertion('api_keys', 'id', 'agent_id', 'key_hash', 'created_at');

/** The owner of a key, by the key's public part. */
export const keyOwner = prepared('keyOwner', (db, p: { id: string }) =>
  db
    .selectFrom('api_keys')
    .innerJoin('agents', 'agents.id', 'api_keys.agent_id')
    .select(['api_keys.agent_id', 'api_keys.key_hash', 'agents.suspended_at'])
    .where('api_keys.id', '=', p.id),
);

/** An agent with its balance, which the ledger keeps. */
export const agentById = prepared('agentById', (db, p: { id: string }) =>
  db
    .selectFrom('agents')
    .innerJoin('accounts', 'accounts.id', 'agents.id')
    .selectAll('agents')
    .select('accounts.balance')
    .where('agents.id', '=', p.id),
);

export const ratingsOf = prepared('ratingsOf', (db, p: { id: string }) =>
  db.selectFrom('agents').select(['rating_sum', 'rating_count']).where('id', '=', p.id),
);

/** The fields that an agent may change. */
const profileFields = ['good_at', 'accepts_system_tasks', 'webhook_url', 'webhook_secret'] as const;

type ProfileUpdate = Params & { id: string };

/**
 * Changes the fields whose `set_<field>` is 1 to `<field>`, and no other: two requests that change different fields at
 * the same time both count.
 */
export const updateProfile = prepared('updateProfile', (db, p: ProfileUpdate) =>
  db
    .updateTable('agents')
    .set(
      Object.fromEntries(
        profileFields.map((field) => [
          field,
          sql`case when ${p[`set_${field}`]} = 1 then ${p[field]} else ${sql.ref(field)} end`,
        ]),
      ),
    )
    .where('id', '=', p.id)
    .returningAll(),
);

/** The parameters of `updateProfile`: a field that is `undefined` stays. */
export function profileUpdate(
  id: string,
  changes: Readonly<Record<(typeof profileFields)[number], SqlValue | undefined>>,
): ProfileUpdate {
  const params = profileFields.flatMap((field) => [
    [`set_${field}`, changes[field] === undefined ? 0 : 1] as const,
    [field, changes[field] ?? null] as const,
  ]);
  return { id, ...Object.fromEntries(params) };
}

/** Suspends an agent, or ends that with `suspended_at: null`. */
export const setSuspension = prepared(
  'setSuspension',
  (db, p: { id: string; suspended_at: number | null; reason: string | null }) =>
    db.updateTable('agents').set({ suspended_at: p.suspended_at, suspension_reason: p.reason }).where('id', '=', p.id),
);

export const countPosted = prepared('countPosted', (db, p: { id: string }) =>
  db
    .updateTable('agents')
    .set((eb) => ({ tasks_posted: eb('tasks_posted', '+', 1) }))
    .where('id', '=', p.id),
);

/** Counts a task done, with the rating that came with the approval: its value, and 1 or, without one, 0 and 0. */
export const countCompleted = prepared('countCompleted', (db, p: { id: string; rating: number; ratings: number }) =>
  db
    .updateTable('agents')
    .set((eb) => ({
      tasks_completed: eb('tasks_completed', '+', 1),
      rating_sum: eb('rating_sum', '+', p.rating),
      rating_count: eb('rating_count', '+', p.ratings),
    }))
    .where('id', '=', p.id),
);

export const insertReview = insertion(
  'reviews',
  'task_id',
  'reviewer_id',
  'reviewed_id',
  'rating',
  'feedback',
  'created_at',
);
