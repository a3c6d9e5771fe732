import { platformId } from '@pinchwork/sdk/table';
import { type Expression, type Selectable, sql } from 'kysely';
import { recordColumns } from '../reputation/poster-record.ts';
import { insertion, type Params, prepared, type SqlValue } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

export type AgentRow = Selectable<Schema['agents']>;

/**
 * Whether no agent of this id is suspended, by the index of suspended agents: the index of all agents takes three
 * times as long. It is a range, because SQLite uses the index of all agents for an equality.
 */
export const isActive = (id: Expression<string | null>) => sql<boolean>`(select s.id from agents s
  where s.id between ${id} and ${id} and s.suspended_at is not null) is null`;

/** The columns that an agent may change, and the columns derived from them. */
const profileFields = [
  'name',
  'good_at',
  'own_tags',
  'folded',
  'accepts_system_tasks',
  'judges_disputes',
  'webhook_url',
  'webhook_secret',
] as const;

export const insertAgent = insertion('agents', 'id', ...profileFields, 'network', 'created_at');

/** Inserts the platform before it posts its first system task or tells the operator something. It has no API key. */
export const ensurePlatform = prepared('ensurePlatform', (db, p: { now: number }) =>
  db
    .insertInto('agents')
    .values({ id: platformId, name: 'Pinchwork', created_at: p.now })
    .onConflict((conflict) => conflict.doNothing()),
);

/** An agent with its balance from the ledger. */
export const agentById = prepared('agentById', (db, p: { id: string }) =>
  db
    .selectFrom('agents')
    .innerJoin('accounts', 'accounts.id', 'agents.id')
    .selectAll('agents')
    .select('accounts.balance')
    .where('agents.id', '=', p.id),
);

/** What a pickup shows of a task's poster. */
export const posterById = prepared('posterById', (db, p: { id: string }) =>
  db
    .selectFrom('agents')
    .select(['name as poster_name', 'rating_sum', 'rating_count', ...recordColumns])
    .where('id', '=', p.id),
);

/** Locks an agent's row and reads what a change must know of it. */
export const holdProfile = prepared('holdProfile', (db, p: { id: string }, engine) =>
  engine.hold(
    db.selectFrom('agents').select(['name', 'good_at', 'webhook_url', 'accepts_system_tasks']).where('id', '=', p.id),
  ),
);

export const setWords = prepared('setWords', (db, p: { id: string; words: string }) =>
  db.updateTable('agents').set({ words: p.words }).where('id', '=', p.id),
);

type ProfileUpdate = Params & { id: string };

/**
 * Sets each field with `set_<field>` = 1 to `<field>`, and no others, so that two simultaneous requests for different
 * fields both take effect.
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

/** The parameters of `updateProfile`. A field that is `undefined` does not change. */
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

/** Suspends an agent, whose claims are released until `release_until`; with nulls, ends the suspension. */
export const setSuspension = prepared(
  'setSuspension',
  (db, p: { id: string; suspended_at: number | null; reason: string | null; release_until: number | null }) =>
    db
      .updateTable('agents')
      .set({
        suspended_at: p.suspended_at,
        suspension_reason: p.reason,
        release_claims_until: p.release_until,
      })
      .where('id', '=', p.id)
      .returning(['words', 'good_at']),
);

/** Names an agent for system tasks, or takes that back (`helpers.ts`). */
export const setNamedHelper = prepared('setNamedHelper', (db, p: { id: string; named: number }) =>
  db.updateTable('agents').set({ is_named_helper: p.named }).where('id', '=', p.id),
);

/** Names an agent as a judge, or takes that back (`rules/platform-tasks/judges.ts`). */
export const setNamedJudge = prepared('setNamedJudge', (db, p: { id: string; named: number }) =>
  db.updateTable('agents').set({ is_named_judge: p.named }).where('id', '=', p.id),
);

/** Suspended agents whose claims are still being released. */
export const agentsToRelease = prepared(
  'agentsToRelease',
  (db, p: { limit: number }) =>
    db.selectFrom('agents').select('id').where('release_claims_until', 'is not', null).orderBy('id').limit(p.limit),
  { bounded: 'at most `limit` rows from the beginning of an index of only such agents' },
);

export const endRelease = prepared('endRelease', (db, p: { id: string; now: number }) =>
  db
    .updateTable('agents')
    .set({ release_claims_until: null })
    .where('id', '=', p.id)
    .where('release_claims_until', '<=', p.now),
);

/** Agents suspended at `since` or later. Those that deleted themselves have no keys, which says it all. */
export const suspendedSince = prepared('suspendedSince', (db, p: { since: number }) =>
  db
    .selectFrom('agents')
    .select('id')
    .where('suspended_at', '>=', p.since)
    .where('suspended_at', 'is not', null)
    .where('deleted_at', 'is', null),
);

export const countPosted = prepared('countPosted', (db, p: { id: string }) =>
  db
    .updateTable('agents')
    .set((eb) => ({ tasks_posted: eb('tasks_posted', '+', 1) }))
    .where('id', '=', p.id),
);

/** Suspension and cooldown of an agent, and whether it is an infra agent (`helpers.ts`). */
export const standingOf = prepared('standingOf', (db, p: { id: string }) =>
  db
    .selectFrom('agents')
    .select(['suspended_at', 'pickups_paused_until', 'accepts_system_tasks', 'is_named_helper'])
    .where('id', '=', p.id),
);
