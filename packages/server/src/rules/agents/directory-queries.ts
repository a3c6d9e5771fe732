import { recordColumns } from '../reputation/poster-record.ts';
import { type DirectoryOrder, platformId } from '@pinchwork/sdk/table';
import {
  type Expression,
  type ExpressionBuilder,
  type Kysely,
  type SelectQueryBuilder,
  type SqlBool,
  sql,
} from 'kysely';
import {
  counting,
  type EngineClauses,
  fulfilled,
  listed,
  type Params,
  perShape,
  prepared,
  numberedText,
} from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

/**
 * The directory of agents, without a scan of all agents: a page is searched in a window of bounded size. The window has
 * either the next agents of the list, or all agents with a rare tag.
 */
const columnOf = {
  reputation: 'standing_e3',
  tasks_completed: 'tasks_completed',
  rating_count: 'rating_count',
  newest: 'id',
} as const satisfies Record<DirectoryOrder, keyof Schema['agents']>;

/** Where a window comes from: the list itself, or the agents with the first tag. */
type Source = 'list' | 'tag';
export type DirectoryShape = `${DirectoryOrder}/${Source}/${number}`;

export interface DirectoryParams extends Params {
  /** The window begins after the agent with this sort value and id. */
  before_value: number | string;
  before_id: string;
  /** Number of agents skipped before the window, and number of agents in it. */
  passed: number;
  reach: number;
  /** A folded text that name or `good_at` must contain; empty for no filter. */
  part: string;
  /** The minimum reputation, times 100. */
  least: number;
}

const tagParam = (p: Params, i: number) => numberedText(p, 'tag', i);

/**
 * The agent has worked under the tag, or has it as a capability. In literals, so that planners use the partial index.
 */
const isUsed = sql<boolean>`(agent_tags.tasks_completed > 0 or agent_tags.is_capability = 1)`;

const has = (eb: ExpressionBuilder<Schema, 'agents'>, tag: string): Expression<SqlBool> =>
  eb.exists(
    eb
      .selectFrom('agent_tags')
      .select('agent_tags.tag')
      .whereRef('agent_tags.agent_id', '=', 'agents.id')
      .where('agent_tags.tag', '=', tag)
      .where(isUsed),
  );

type Ids = SelectQueryBuilder<Schema, never, { id: string }>;

/** The ids of the agents in a window. */
function window(db: Kysely<Schema>, p: DirectoryParams, order: DirectoryOrder, source: Source): Ids {
  if (source === 'tag') {
    return db
      .selectFrom('agent_tags')
      .select('agent_id as id')
      .where('tag', '=', tagParam(p, 0))
      .where(isUsed)
      .limit(p.reach);
  }
  const column = columnOf[order];
  return db
    .selectFrom('agents')
    .select('id')
    .where('suspended_at', 'is', null)
    .where('id', '<>', platformId)
    .where(sql<boolean>`(${sql.ref(column)}, id) < (${p.before_value}, ${p.before_id})`)
    .orderBy(column, 'desc')
    .orderBy('id', 'desc')
    .limit(p.reach)
    .offset(p.passed);
}

/** The agents of a window that pass all filters. */
function found(db: Kysely<Schema>, p: DirectoryParams, shape: DirectoryShape, engine: EngineClauses) {
  const [order, source, tags] = shape.split('/') as [DirectoryOrder, Source, string];
  const column = columnOf[order];
  const query = db
    .selectFrom(window(db, p, order, source).as('window'))
    // The cross join makes SQLite read the window first; with a plain join it may read all agents.
    .crossJoin('agents')
    .whereRef('agents.id', '=', 'window.id')
    .where((eb) => {
      const passes = eb.and([
        eb('agents.suspended_at', 'is', null),
        eb('agents.id', '<>', platformId),
        eb('agents.reputation_e2', '>=', p.least),
        engine.contains(sql.ref('agents.folded'), p.part),
        // The window of a tag has no order, so agents of earlier pages are left out here.
        sql<boolean>`(${sql.ref(`agents.${column}`)}, agents.id) < (${p.before_value}, ${p.before_id})`,
        ...Array.from({ length: Number(tags) }, (_, i) =>
          // It also knows the window's columns, which the condition does not need.
          has(eb as ExpressionBuilder<Schema, 'agents'>, tagParam(p, i)),
        ),
      ]);
      return fulfilled(sql`${passes}`);
    });
  return { query, column: `agents.${column}` as const };
}

export const directoryPage = perShape((shape: DirectoryShape) =>
  prepared(
    `directory ${shape}`,
    (db, p: DirectoryParams & { limit: number }, engine) => {
      const { query, column } = found(db, p, shape, engine);
      return query
        .select(['agents.id', 'agents.name', 'agents.good_at', 'agents.tasks_completed'])
        .select(['agents.rating_sum', 'agents.rating_count', 'agents.standing_e3'])
        .select(['agents.raters', 'agents.disputes_lost', 'agents.created_at', 'agents.active_day'])
        .select(recordColumns.map((column) => `agents.${column}` as const))
        .orderBy(column, 'desc')
        .orderBy('agents.id', 'desc')
        .limit(p.limit);
    },
    { replan: true, bounded: 'a window of at most `reach` agents' },
  ),
);

export const countDirectory = perShape((shape: DirectoryShape) =>
  counting(
    `count directory ${shape}`,
    (db, p: DirectoryParams, engine) => found(db, p, shape, engine).query.select('agents.id'),
    { replan: true },
  ),
);

/** The last agent of a full window; no row if the list ends in it. */
export const windowEnd = perShape((order: DirectoryOrder) =>
  prepared(
    `end of window by ${order}`,
    (db, p: DirectoryParams & { skip: number }) =>
      db
        .selectFrom('agents')
        .select([sql<string | number>`${sql.ref(columnOf[order])}`.as('value'), 'id'])
        .where('suspended_at', 'is', null)
        .where('id', '<>', platformId)
        .where(sql<boolean>`(${sql.ref(columnOf[order])}, id) < (${p.before_value}, ${p.before_id})`)
        .orderBy(columnOf[order], 'desc')
        .orderBy('id', 'desc')
        .limit(1)
        .offset(p.skip),
    { replan: true },
  ),
);

/** The number of agents that use a tag, at most `limit`. */
export const countBearers = counting('countBearers', (db, p: { tag: string }) =>
  db.selectFrom('agent_tags').select('agent_id').where('tag', '=', p.tag).where(isUsed),
);

const tagColumns = [
  'agent_tags.agent_id',
  'agent_tags.tag',
  'agent_tags.name',
  'agent_tags.tasks_completed',
  'agent_tags.rating_sum',
  'agent_tags.rating_count',
] as const;

/**
 * The tags of `count` agents (parameters `id_0`, `id_1`, …): of each agent, at most `limit` tags under which it has
 * worked, most used first, and at most `limit` of its other capability tags. Each kind has an index of its own, so that
 * tags with only ratings are not read.
 */
export const tagsOfAgents = perShape((count: number) =>
  prepared(`tags of ${count} agents`, (db, p: { limit: number } & Params) => {
    const ofOne = (id: string, i: number) => {
      const worked = db
        .selectFrom('agent_tags')
        .select(tagColumns)
        .where('agent_id', '=', id)
        .where('tasks_completed', '>', 0)
        .orderBy('tasks_completed', 'desc')
        .orderBy('tag', 'desc')
        .limit(p.limit)
        .as(`worked_${i}`);
      // Only the tag: for more columns, SQLite would read all tags of the agent instead of this index.
      const able = db
        .selectFrom('agent_tags')
        .select('tag')
        .where('agent_id', '=', id)
        .where('is_capability', '=', sql.lit(1))
        .orderBy('tag', 'desc')
        .limit(p.limit)
        .as('able');
      const onlyAble = db
        .selectFrom(able)
        .crossJoin('agent_tags')
        .select(tagColumns)
        .where('agent_tags.agent_id', '=', id)
        .whereRef('agent_tags.tag', '=', 'able.tag')
        .where('agent_tags.tasks_completed', '=', 0);
      return db.selectFrom(worked).selectAll().unionAll(onlyAble);
    };
    return listed(p, 'id', count)
      .map(ofOne)
      .reduce((all, one) => all.unionAll(one));
  }),
);

/** The tags with ratings, among `reach` tags under which an agent has not worked, except its capability tags. */
export const ratedTags = prepared('ratedTags', (db, p: { id: string; reach: number }) =>
  db
    .selectFrom(
      db
        .selectFrom('agent_tags')
        .select(['tag', 'name', 'rating_sum', 'rating_count', 'is_capability'])
        .where('agent_id', '=', p.id)
        .where('tasks_completed', '=', 0)
        .orderBy('tag', 'desc')
        .limit(p.reach)
        .as('unworked'),
    )
    .select(['tag', 'name', 'rating_sum', 'rating_count'])
    .where('rating_count', '>', 0)
    .where('is_capability', '=', 0),
);

/** The public columns of an active agent. */
export const visibleAgent = prepared('visibleAgent', (db, p: { id: string }) =>
  db
    .selectFrom('agents')
    .select(['id', 'name', 'good_at', 'tasks_completed', 'rating_sum', 'rating_count', 'standing_e3'])
    .select(['raters', 'disputes_lost', 'created_at', 'active_day'])
    .select(recordColumns)
    .where('id', '=', p.id)
    .where('suspended_at', 'is', null),
);
