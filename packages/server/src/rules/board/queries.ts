import { type RawBuilder, sql } from 'kysely';
import { isActive } from '../agents/queries.ts';
import { fulfilled, listed, type Params, perShape, prepared, preparedSql } from '../../storage/prepared.ts';
import type { TaskRef } from '../search/texts.ts';
import { boardStates } from '../../ground/states.ts';
import { statusIn } from '../../storage/status.ts';

/**
 * The SQL of the board. Each query looks at a bounded number of tasks in the order of an index, and tells those among
 * them that are open to the agent: it never goes on until it has found enough, since what is in the way may be long (an
 * agent's own tasks, or two tags that never meet).
 *
 * That number stands in the statement itself, so that PostgreSQL finds the plan once for all values. Planning such a
 * statement takes it as long as running it.
 */
export interface BoardParams extends Params {
  agent: string;
  now: number;
}

/** A task with what its place in an agent's order depends on. */
export interface BoardRow extends TaskRef {
  /** JSON lists: as the poster wrote them, and folded. */
  readonly tags: string;
  readonly hints: string;
  /** A hundred times the poster's reputation. */
  readonly reputation_e2: number;
  /** How far the poster trusts the agent; null when they have never met. */
  readonly trust: number | null;
}

type Fragment = RawBuilder<unknown>;

const tag = (p: Params, i: number) => p[`tag_${i}`] as string;
const indexes = (count: number) => Array.from({ length: count }, (_, i) => i);
const nothing = sql``;

/** Where the tasks `t` of a query come from, and how they are known there. */
interface Source {
  readonly from: Fragment;
  readonly where: Fragment;
  /** How long need and context are. */
  readonly bytes: Fragment;
}

const bytesIn = (task: 't' | 'tasks') =>
  sql`octet_length(${sql.ref(`${task}.need`)}) + coalesce(octet_length(${sql.ref(`${task}.context`)}), 0)`;

/**
 * The tasks whose ids are in `x`. For SQLite a cross join says in which order to read; else it may go through all tasks
 * and look them up in what is examined.
 */
const byIds = (ids: Fragment): Source => ({
  from: sql`(${ids}) as x cross join tasks t`,
  where: sql`t.id = x.id`,
  bytes: bytesIn('t'),
});

/** The same tasks with their posters `p`. */
const withPosters = ({ from, where, bytes }: Source): Source => ({
  from: sql`${from} cross join agents p`,
  where: sql`${where} and p.id = t.poster_id`,
  bytes,
});

const refOf = ({ bytes }: Pick<Source, 'bytes'>) => sql`t.id, t.created_at, ${bytes} as bytes`;
const placeOf = (source: Source, p: BoardParams) => sql`${refOf(source)}, t.tags, t.hints, p.reputation_e2,
  (select r.score from trust r where r.truster_id = t.poster_id and r.trusted_id = ${p.agent}) as trust`;

/** All of these, as PostgreSQL should take them. */
const fulfils = (...conditions: Fragment[]) => fulfilled(sql.join(conditions, sql` and `));

/** Nothing stands between this agent and a task `t`. */
const isOpen = (p: BoardParams) => sql`
  ${statusIn('t.status', boardStates)} and t.kind = 'work' and t.due_at > ${p.now} and t.poster_id <> ${p.agent}
  and ${isActive(sql.ref('t.poster_id'))}
  and replace(t.inspectors, ${p.agent}, '') = t.inspectors`;

/** It is kept for nobody, and this agent was not chosen for it: those stand before all others. */
const isEveryones = (p: BoardParams) => sql`
  (t.held_until is null or t.held_until <= ${p.now})
  and (t.match_count = 0
    or (select m.task_id from matches m where m.task_id = t.id and m.agent_id = ${p.agent}) is null)`;

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
  /** Looks at the tasks behind this one. */
  after_created_at: number;
  after_id: string;
  /** Tells so many at most. */
  limit: number;
}

type Start = Pick<ScanParams, 'after_created_at' | 'after_id'> & Params;

/** Of how many tags, and at how many tasks a statement looks: of either there must be few. */
export type Shape = `${number}/${number}`;
const shapeOf = (shape: Shape) => shape.split('/').map(Number) as [tagCount: number, examine: number];

/** The next tasks on the board, or on the first tag's part of it, open or not. */
const next = (p: Start, columns: Fragment, tagCount: number) =>
  tagCount > 0
    ? sql`select task_id as id, created_at from board_tags
        where tag = ${tag(p, 0)} and (created_at, task_id) > (${p.after_created_at}, ${p.after_id})
        order by created_at, task_id`
    : sql`select ${columns} from tasks
        where ${statusIn('status', boardStates)} and kind = 'work' and (created_at, id) > (${p.after_created_at}, ${p.after_id})
        order by created_at, id`;

/** What the conditions and the order of the board ask of a task, and how long its texts are, without reading these. */
const looked = sql`id, created_at, kind, status, poster_id, due_at, held_until, inspectors, match_count, tags, hints,
  ${bytesIn('tasks')} as bytes`;

/** The tasks that are examined in a scan. Those that lack another tag are passed over within the index. */
const examined = (p: ScanParams, tagCount: number, examine: number): Source =>
  tagCount > 0
    ? byIds(sql`select id, created_at from (${next(p, nothing, tagCount)} limit ${sql.lit(examine)}) as n
        where ${bears(p, 'n', 1, tagCount)}`)
    : { from: sql`(${next(p, looked, 0)} limit ${sql.lit(examine)}) as t`, where: sql`1 = 1`, bytes: sql`t.bytes` };

const everyonesAmong = (p: ScanParams, { from, where }: Source, selected: Fragment) =>
  sql`select ${selected} from ${from} where ${where} and ${fulfils(isOpen(p), isEveryones(p))}`;

function scanOf<R extends TaskRef>(name: string, hasPlaces: boolean) {
  return perShape((shape: Shape) => {
    const [tagCount, examine] = shapeOf(shape);
    // As they come from what is examined, so that PostgreSQL sorts nothing and stops at the limit.
    const order = tagCount > 0 ? sql`x.created_at, x.id` : sql`t.created_at, t.id`;
    return preparedSql<ScanParams, R>(`${name} ${shape}`, (p) => {
      const tasks = examined(p, tagCount, examine);
      const rows = hasPlaces
        ? everyonesAmong(p, withPosters(tasks), placeOf(tasks, p))
        : everyonesAmong(p, tasks, refOf(tasks));
      return sql`${rows} order by ${order} limit ${p.limit}`;
    });
  });
}

/** Of the next tasks that bear all the tags, those open to the agent, oldest first. */
export const scanBoard = scanOf<TaskRef>('scanBoard', false);

/** The same with what their places depend on. */
export const scanPlaces = scanOf<BoardRow>('scanPlaces', true);

/** The last of the tasks that a scan looks at; none when the board ends before. */
export const scanEnd = perShape((shape: Shape) => {
  const [tagCount, examine] = shapeOf(shape);
  return preparedSql<Start, { id: string; created_at: number }>(
    `scanEnd ${shape}`,
    (p) => sql`${next(p, sql`id, created_at`, tagCount)} limit 1 offset ${sql.lit(examine - 1)}`,
    // Not knowing how much lies behind, PostgreSQL may take a sort for cheaper.
    { replan: true },
  );
});

/** How many of the next tasks are open to the agent, counted up to `limit`. */
export const countBoard = perShape((shape: Shape) => {
  const [tagCount, examine] = shapeOf(shape);
  return preparedSql<ScanParams, { total: number }>(
    `countBoard ${shape}`,
    (p) => sql`select count(*) as total
      from (${everyonesAmong(p, examined(p, tagCount, examine), sql`t.id`)} limit ${p.limit}) as counted`,
  );
});

/** How many tasks `openAmong` and `placesOf` ask about: a list that is shorter repeats its last one. */
export const idShapes = [10, 100, 1_000] as const;

/** So many tasks, parameters `id_0`, `id_1`, … */
const named = (p: Params, count: number): Source => ({
  from: sql`tasks t`,
  where: sql`t.id in (${sql.join(listed(p, 'id', count))})`,
  bytes: bytesIn('t'),
});

/** Of so many tasks those that bear so many tags and are open to the agent. */
export const openAmong = perShape((shape: Shape) => {
  const [tagCount, count] = shapeOf(shape);
  return preparedSql<BoardParams, TaskRef>(`openAmong ${shape}`, (p) => {
    const { from, where, bytes } = named(p, count);
    return sql`select ${refOf({ bytes })} from ${from}
      where ${where} and ${fulfils(isOpen(p), isEveryones(p), bears(p, 't', 0, tagCount))}`;
  });
});

/** What the places of so many tasks depend on. */
export const placesOf = perShape((count: number) =>
  preparedSql<BoardParams, BoardRow>(`placesOf${count}`, (p) => {
    const source = withPosters(named(p, count));
    return sql`select ${placeOf(source, p)} from ${source.from} where ${source.where}`;
  }),
);

/** The windows of the capabilities: of each the oldest tasks that bear it, or were found to be about it. */
export const tagWindows = perShape((shape: Shape) => {
  const [tagCount, examine] = shapeOf(shape);
  return preparedSql<BoardParams, BoardRow>(`tagWindows ${shape}`, (p) => {
    const oldest = (table: 'board_tags' | 'board_hints', i: number) => sql`select id from (
      select task_id as id from ${sql.table(table)} where tag = ${tag(p, i)}
      order by created_at, task_id limit ${sql.lit(examine)}) as ${sql.ref(`${table}_${i}`)}`;
    const windows = indexes(tagCount).flatMap((i) => [oldest('board_tags', i), oldest('board_hints', i)]);
    const source = withPosters(byIds(sql.join(windows, sql` union `)));
    return sql`select ${placeOf(source, p)} from ${source.from}
      where ${source.where} and ${fulfils(isOpen(p), isEveryones(p))}`;
  });
});

export interface MatchedRow extends TaskRef {
  readonly rank: number;
}

interface MatchStart extends Params {
  agent: string;
  after_rank: number;
  after_created_at: number;
  after_id: string;
}

type MatchedParams = MatchStart & BoardParams & { limit: number };

/** The next of the tasks that the agent was chosen for and that are on the board, best rank first, open or not. */
const chosenFor = (p: MatchStart, columns: Fragment) => sql`
  select ${columns} from matches
  where agent_id = ${p.agent} and on_board = 1
    and (rank, task_created_at, task_id) > (${p.after_rank}, ${p.after_created_at}, ${p.after_id})
  order by rank, task_created_at, task_id`;

const matchedAmong = (p: MatchedParams, selected: Fragment, tagCount: number, examine: number) => {
  const ids = chosenFor(p, sql`task_id as id, task_created_at as created_at, rank`);
  const { from, where } = byIds(sql`${ids} limit ${sql.lit(examine)}`);
  return sql`select ${selected} from ${from} where ${where} and ${fulfils(isOpen(p), bears(p, 't', 0, tagCount))}`;
};

/** The tasks that an agent was chosen for and that bear all the tags, best rank first. */
export const matchedTasks = perShape((shape: Shape) => {
  const [tagCount, examine] = shapeOf(shape);
  return preparedSql<MatchedParams, MatchedRow>(
    `matchedTasks ${shape}`,
    (p) => sql`${matchedAmong(p, sql`${refOf({ bytes: bytesIn('t') })}, x.rank`, tagCount, examine)}
      order by x.rank, x.created_at, x.id limit ${p.limit}`,
  );
});

/** The last of the chosen tasks that are looked at; none when there are fewer. */
export const matchedEnd = perShape((examine: number) =>
  preparedSql<MatchStart, { id: string; created_at: number; rank: number }>(
    `matchedEnd ${examine}`,
    (p) => sql`${chosenFor(p, sql`task_id as id, task_created_at as created_at, rank`)}
      limit 1 offset ${sql.lit(examine - 1)}`,
  ),
);

/** How many tasks an agent was chosen for are open to it, counted up to `limit`. */
export const countMatched = perShape((shape: Shape) => {
  const [tagCount, examine] = shapeOf(shape);
  return preparedSql<MatchedParams, { total: number }>(
    `countMatched ${shape}`,
    (p) => sql`select count(*) as total
      from (${matchedAmong(p, sql`t.id`, tagCount, examine)} limit ${p.limit}) as counted`,
  );
});

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
      .where(statusIn('tasks.status', boardStates))
      .orderBy(place)
      .limit(1),
    'tasks',
  );
});
