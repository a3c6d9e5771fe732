import { type RawBuilder, sql } from 'kysely';
import { listed, type Params, perShape, prepared, preparedSql } from '../db/prepared.ts';

/**
 * The SQL of the board. Each query looks at a bounded number of tasks in the order of an index, and tells those among
 * them that are open to the agent: it never goes on until it has found enough, since what is in the way may be long (an
 * agent's own tasks, or two tags that never meet).
 */
export interface BoardParams extends Params {
  agent: string;
  now: number;
}

/** A task on the board with what its place in an agent's order depends on. */
export interface BoardRow {
  readonly id: string;
  readonly created_at: number;
  /** JSON lists: as the poster wrote them, and folded. */
  readonly tags: string;
  readonly hints: string;
  /** A hundred times the poster's reputation. */
  readonly reputation_e2: number;
  /** How far the poster trusts the agent; null when they have never met. */
  readonly trust: number | null;
  /** How long need and context are. */
  readonly bytes: number;
}

type Fragment = RawBuilder<unknown>;

const tag = (p: Params, i: number) => p[`tag_${i}`] as string;
const indexes = (count: number) => Array.from({ length: count }, (_, i) => i);
const nothing = sql``;

/**
 * The rows of the tasks `t` whose ids are in `examined`, with their posters `p` and these posters' trust. For SQLite a
 * cross join says in which order to read; else it may go through all tasks and look them up in what is examined.
 */
const rowsOf = (examined: Fragment, p: BoardParams) => sql`
  from (${examined}) as x
  cross join tasks t
  cross join agents p
  left join trust r on r.truster_id = t.poster_id and r.trusted_id = ${p.agent}
  where t.id = x.id and p.id = t.poster_id`;

const columns = sql`t.id, t.created_at, t.tags, t.hints, p.reputation_e2, r.score as trust,
  octet_length(t.need) + coalesce(octet_length(t.context), 0) as bytes`;

/** Nothing stands between this agent and a task `t` of the poster `p`. */
const isOpen = (p: BoardParams) => sql`
  t.status = 'posted' and t.kind = 'work' and t.due_at > ${p.now} and t.poster_id <> ${p.agent}
  and p.suspended_at is null and replace(t.inspectors, ${p.agent}, '') = t.inspectors`;

/** It is kept for nobody, and this agent was not chosen for it: those stand before all others. */
const isEveryones = (p: BoardParams) => sql`
  (t.held_until is null or t.held_until <= ${p.now})
  and (t.match_count = 0
    or not exists (select 1 from matches m where m.task_id = t.id and m.agent_id = ${p.agent}))`;

/**
 * Whether a task bears the tags of the filter from the `from`-th on. It is looked up one by one, which a subquery that
 * stands for a value makes sure of: as a condition, PostgreSQL may read all that bear a tag to find a few among them.
 */
const bears = (p: Params, task: 't' | 'n', from: number, count: number) =>
  sql.join(
    [
      sql`1 = 1`,
      ...indexes(count)
        .slice(from)
        .map(
          (i) => sql`(select b.task_id from board_tags b
            where b.tag = ${tag(p, i)} and b.created_at = ${sql.ref(`${task}.created_at`)}
              and b.task_id = ${sql.ref(`${task}.id`)}) is not null`,
        ),
    ],
    sql` and `,
  );

export interface ScanParams extends BoardParams {
  /** Looks at the tasks behind this one … */
  after_created_at: number;
  after_id: string;
  /** … at so many of them, and tells so many at most. */
  examine: number;
  limit: number;
}

type Start = Pick<ScanParams, 'after_created_at' | 'after_id'> & Params;

/** The next tasks on the board, or on the first tag's part of it, open or not. */
const next = (p: Start, columns: Fragment, tagCount: number) =>
  tagCount > 0
    ? sql`select task_id as id, created_at from board_tags
        where tag = ${tag(p, 0)} and (created_at, task_id) > (${p.after_created_at}, ${p.after_id})
        order by created_at, task_id`
    : sql`select ${columns} from tasks
        where status = 'posted' and kind = 'work' and (created_at, id) > (${p.after_created_at}, ${p.after_id})
        order by created_at, id`;

/**
 * What is examined in a scan. What may be in the way of very many (an agent's own tasks, those that lack another tag) is
 * passed over within the index.
 */
const examined = (p: ScanParams, tagCount: number) =>
  tagCount > 0
    ? sql`select id from (${next(p, nothing, tagCount)} limit ${p.examine}) as n where ${bears(p, 'n', 1, tagCount)}`
    : sql`select id from (
        ${next(p, sql`id, created_at, poster_id, due_at, held_until`, 0)} limit ${p.examine}
      ) as n
      where n.poster_id <> ${p.agent} and n.due_at > ${p.now} and (n.held_until is null or n.held_until <= ${p.now})`;

const everyonesAmong = (p: ScanParams, selected: Fragment, tagCount: number) => sql`
  select ${selected} ${rowsOf(examined(p, tagCount), p)}
    and ${isOpen(p)} and ${isEveryones(p)}`;

/** Of the next tasks that bear all of `tagCount` tags, those open to the agent, oldest first. */
export const scanBoard = perShape((tagCount: number) =>
  preparedSql<ScanParams, BoardRow>(
    `scanBoard${tagCount}`,
    (p) => sql`${everyonesAmong(p, columns, tagCount)} order by t.created_at, t.id limit ${p.limit}`,
    { replan: true },
  ),
);

/** The last of the tasks that a scan looks at; none when the board ends before. */
export const scanEnd = perShape((tagCount: number) =>
  preparedSql<Start & { skip: number }, { id: string; created_at: number }>(
    `scanEnd${tagCount}`,
    (p) => sql`${next(p, sql`id, created_at`, tagCount)} limit 1 offset ${p.skip}`,
    { replan: true },
  ),
);

/** How many of the next tasks are open to the agent, counted up to `limit`. */
export const countBoard = perShape((tagCount: number) =>
  preparedSql<ScanParams, { total: number }>(
    `countBoard${tagCount}`,
    (p) => sql`select count(*) as total from (${everyonesAmong(p, sql`t.id`, tagCount)} limit ${p.limit}) as counted`,
    { replan: true },
  ),
);

/** How many tasks `openAmong` asks about: a list that is shorter repeats its last one. */
export const openShapes = [10, 100, 1_000] as const;

/** Of so many tasks, parameters `id_0`, `id_1`, …, those that bear so many tags and are open to the agent. */
export const openAmong = perShape((shape: `${number}/${number}`) => {
  const [tagCount, count] = shape.split('/').map(Number) as [number, number];
  return preparedSql<BoardParams, BoardRow>(
    `openAmong ${shape}`,
    (p) => {
      const ids = sql.join(listed(p, 'id', count));
      return sql`select ${columns} ${rowsOf(sql`select id from tasks where id in (${ids})`, p)}
        and ${isOpen(p)} and ${isEveryones(p)} and ${bears(p, 't', 0, tagCount)}`;
    },
    { replan: true },
  );
});

/** The windows of `tagCount` capabilities: of each the oldest tasks that bear it, or were found to be about it. */
export const tagWindows = perShape((tagCount: number) =>
  preparedSql<BoardParams & { examine: number }, BoardRow>(
    `tagWindows${tagCount}`,
    (p) => {
      const oldest = (table: 'board_tags' | 'board_hints', i: number) => sql`select id from (
        select task_id as id from ${sql.table(table)} where tag = ${tag(p, i)}
        order by created_at, task_id limit ${p.examine}) as ${sql.ref(`${table}_${i}`)}`;
      const windows = indexes(tagCount).flatMap((i) => [oldest('board_tags', i), oldest('board_hints', i)]);
      return sql`select ${columns} ${rowsOf(sql.join(windows, sql` union `), p)}
          and ${isOpen(p)} and ${isEveryones(p)}`;
    },
    { replan: true },
  ),
);

export interface MatchedRow extends BoardRow {
  readonly rank: number;
}

export interface MatchStart extends Params {
  agent: string;
  after_rank: number;
  after_created_at: number;
  after_id: string;
}

type MatchedParams = MatchStart & BoardParams & { examine: number; limit: number };

/** The next of the tasks that the agent was chosen for and that are on the board, best rank first, open or not. */
const chosenFor = (p: MatchStart, columns: Fragment) => sql`
  select ${columns} from matches
  where agent_id = ${p.agent} and on_board = 1
    and (rank, task_created_at, task_id) > (${p.after_rank}, ${p.after_created_at}, ${p.after_id})
  order by rank, task_created_at, task_id`;

const matchedAmong = (p: MatchedParams, selected: Fragment, tagCount: number) => sql`
  select ${selected} ${rowsOf(sql`${chosenFor(p, sql`task_id as id, rank`)} limit ${p.examine}`, p)} and ${isOpen(p)} and ${bears(p, 't', 0, tagCount)}`;

/** The tasks that an agent was chosen for and that bear all of `tagCount` tags, best rank first. */
export const matchedTasks = perShape((tagCount: number) =>
  preparedSql<MatchedParams, MatchedRow>(
    `matchedTasks${tagCount}`,
    (p) => sql`${matchedAmong(p, sql`${columns}, x.rank`, tagCount)}
      order by x.rank, t.created_at, t.id limit ${p.limit}`,
    { replan: true },
  ),
);

/** The last of the chosen tasks that are looked at; none when there are fewer. */
export const matchedEnd = preparedSql<MatchStart & { skip: number }, { id: string; created_at: number; rank: number }>(
  'matchedEnd',
  (p) => sql`${chosenFor(p, sql`task_id as id, task_created_at as created_at, rank`)} limit 1 offset ${p.skip}`,
  { replan: true },
);

/** How many tasks an agent was chosen for are open to it, counted up to `limit`. */
export const countMatched = perShape((tagCount: number) =>
  preparedSql<MatchedParams, { total: number }>(
    `countMatched${tagCount}`,
    (p) => sql`select count(*) as total from (${matchedAmong(p, sql`t.id`, tagCount)} limit ${p.limit}) as counted`,
    { replan: true },
  ),
);

/** What an agent can do, as tags. */
export const capabilitiesOf = prepared('capabilitiesOf', (db, p: { agent: string; limit: number }) =>
  db
    .selectFrom('agent_tags')
    .select('tag')
    .where('agent_id', '=', p.agent)
    .where('is_capability', '=', sql.lit(1))
    .orderBy('tag')
    .limit(p.limit),
);

/** How many tasks `lockFirstOf` chooses from. */
export const lockShape = 10;

/**
 * The first of so many tasks, parameters `id_0`, `id_1`, …, that is on the board and that no other transaction holds:
 * held for this one.
 */
export const lockFirstOf = prepared('lockFirstOf', (db, p: Params, engine) => {
  const ids = listed(p, 'id', lockShape);
  const place = sql`case tasks.id ${sql.join(
    ids.map((id, i) => sql`when ${id} then ${sql.lit(i)}`),
    sql` `,
  )} end`;
  return engine.skipLocked(
    db
      .selectFrom('tasks')
      .select('tasks.id')
      .where('tasks.id', 'in', ids)
      .where('tasks.status', '=', sql.lit('posted'))
      .orderBy(place)
      .limit(1),
    'tasks',
  );
});
