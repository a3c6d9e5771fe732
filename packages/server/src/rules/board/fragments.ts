import { type RawBuilder, sql, type SqlBool } from 'kysely';
import { boardStates } from '../../ground/states.ts';
import { fulfilled, numberedText, type Params } from '../../storage/prepared.ts';
import { statusIn } from '../../storage/status.ts';
import { isActive } from '../agents/queries.ts';
import { isForAgent } from '../tasks/offers.ts';

/** The parts that the queries of the board are made of: where its tasks come from, and the conditions on them. */
export interface BoardParams extends Params {
  agent: string;
  now: number;
}

export type Fragment = RawBuilder<unknown>;

/** Whether a row of `tasks` is an agent's task on the board that is for everybody. */
export const isForEverybody = sql<SqlBool>`${statusIn('status', boardStates)} and kind = 'work' and is_for_chosen = 0`;

/** Whether a task on the board is for agents that its poster has chosen. */
export const isForChosen = sql<SqlBool>`${statusIn('status', boardStates)} and kind = 'work' and is_for_chosen = 1`;

export const tag = (p: Params, i: number) => numberedText(p, 'tag', i);
export const indexes = (count: number) => Array.from({ length: count }, (_, i) => i);
export const nothing = sql``;

/** The FROM and WHERE parts that give a query its tasks `t`. */
export interface Source {
  readonly from: Fragment;
  readonly where: Fragment;
  /** The length of need and context together, in bytes. */
  readonly bytes: Fragment;
}

export const bytesIn = (task: 't' | 'tasks') =>
  sql`octet_length(${sql.ref(`${task}.need`)}) + coalesce(octet_length(${sql.ref(`${task}.context`)}), 0)`;

/**
 * The tasks with an id in `x`. The cross join makes SQLite read `x` first; with a plain join it may read all tasks and
 * look each up in `x`.
 */
export const byIds = (ids: Fragment): Source => ({
  from: sql`(${ids}) as x cross join tasks t`,
  where: sql`t.id = x.id`,
  bytes: bytesIn('t'),
});

/** The same tasks with their posters `p`. */
export const withPosters = ({ from, where, bytes }: Source): Source => ({
  from: sql`${from} cross join agents p`,
  where: sql`${where} and p.id = t.poster_id`,
  bytes,
});

export const refOf = ({ bytes }: Pick<Source, 'bytes'>) => sql`t.id, t.created_at, ${bytes} as bytes`;
export const sortKeyOf = (source: Source, p: BoardParams) => sql`${refOf(source)}, t.tags, t.hints, p.reputation_e2,
  (select r.score from trust r where r.truster_id = t.poster_id and r.trusted_id = ${p.agent}) as trust`;

/** All conditions hold. `fulfilled` keeps PostgreSQL from planning by their estimated selectivity. */
export const fulfils = (...conditions: Fragment[]) => fulfilled(sql.join(conditions, sql` and `));

/** The agent may claim a task `t`, apart from a head start of others. */
export const isOpen = (p: BoardParams) => sql`
  ${statusIn('t.status', boardStates)} and t.kind = 'work' and t.due_at > ${p.now} and t.poster_id <> ${p.agent}
  and ${isActive(sql.ref('t.poster_id'))}
  and replace(t.barred, ${p.agent}, '') = t.barred
  and ${isForAgent('t', p.agent)}`;

/** A task `t` is held for nobody, or its head start is over. */
export const isPastHeadStart = (p: BoardParams) => sql`(t.held_until is null or t.held_until <= ${p.now})`;

/** A task `t` is outside any head start, and the agent was not matched to it; matched tasks are a part of their own. */
export const isEveryones = (p: BoardParams) => sql`
  ${isPastHeadStart(p)}
  and (t.match_count = 0
    or (select m.task_id from matches m where m.task_id = t.id and m.agent_id = ${p.agent}) is null)`;

/**
 * Whether a task has the tags of the filter from index `from` on. Each is a scalar subquery, which forces one look-up
 * per task: for EXISTS, PostgreSQL may read all tasks with a tag to find a few of them.
 */
export const hasTags = (p: Params, task: 't' | 'n', from: number, count: number) =>
  allOf(from, count, (i) => sql`${entryOf('board_tags', p, task, i)} is not null`);

/** The same for tasks that may be for chosen agents. */
export const hasTagsAnyhow = (p: Params, count: number) =>
  allOf(
    0,
    count,
    (i) => sql`coalesce(${entryOf('board_tags', p, 't', i)}, ${entryOf('offer_tags', p, 't', i)}) is not null`,
  );

const allOf = (from: number, count: number, hasTag: (i: number) => Fragment) =>
  sql.join([sql`1 = 1`, ...indexes(count).slice(from).map(hasTag)], sql` and `);

const entryOf = (table: 'board_tags' | 'offer_tags', p: Params, task: 't' | 'n', i: number) =>
  sql`(select b.task_id from ${sql.table(table)} b where b.tag = ${tag(p, i)}
    and b.created_at = ${sql.ref(`${task}.created_at`)} and b.task_id = ${sql.ref(`${task}.id`)})`;
