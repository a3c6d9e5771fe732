import { sql } from 'kysely';
import { listed, type Params, perShape, prepared, preparedSql } from '../../storage/prepared.ts';
import { type PosterRow, recordColumns } from '../reputation/poster-record.ts';
import type { TaskRef } from '../search/texts.ts';
import { type MovedTask, movedColumns } from '../tasks/queries.ts';
import { boardStates } from '../../ground/states.ts';
import { statusIn } from '../../storage/status.ts';
import {
  hasTags,
  hasTagsAnyhow,
  type BoardParams,
  byIds,
  bytesIn,
  type Fragment,
  fulfils,
  indexes,
  isEveryones,
  isOpen,
  isPastHeadStart,
  nothing,
  sortKeyOf,
  refOf,
  type Source,
  tag,
  withPosters,
} from './fragments.ts';

/**
 * The SQL of the board. Each query examines a bounded number of tasks in the order of an index, and returns those among
 * them that are open to the agent. No query reads on until it has found enough, because it may have to pass many tasks
 * first (an agent's own tasks, or the tasks with one tag but not the other).
 *
 * The number is a literal in the statement, so that PostgreSQL plans the statement once for all parameters. Planning
 * takes as long as running.
 */

/** A task with the values that decide its place in an agent's order. */
export interface BoardRow extends TaskRef {
  /** JSON list of the tags as the poster wrote them. */
  readonly tags: string;
  /** JSON list of folded tags that matching extracted. */
  readonly hints: string;
  /** The poster's reputation, times 100. */
  readonly reputation_e2: number;
  /** The poster's trust in the agent, 0 to 1; null if there was no task between them. */
  readonly trust: number | null;
}

export interface ScanParams extends BoardParams {
  /** The scan begins after the task with this age and id. */
  after_created_at: number;
  after_id: string;
  /** Maximum number of rows returned. */
  limit: number;
}

type Start = Pick<ScanParams, 'after_created_at' | 'after_id'> & Params;

/**
 * `<number of tags>/<number of tasks examined>`. Each shape is a statement of its own, so both must take few values.
 */
export type Shape = `${number}/${number}`;
const shapeOf = (shape: Shape) => shape.split('/').map(Number) as [tagCount: number, examine: number];

/** The next tasks on the board, or those with the first tag, open to the agent or not. */
const next = (p: Start, columns: Fragment, tagCount: number) =>
  tagCount > 0
    ? sql`select task_id as id, created_at from board_tags
        where tag = ${tag(p, 0)} and (created_at, task_id) > (${p.after_created_at}, ${p.after_id})
        order by created_at, task_id`
    : sql`select ${columns} from tasks
        where ${statusIn('status', boardStates)} and kind = 'work' and is_for_chosen = 0
          and (created_at, id) > (${p.after_created_at}, ${p.after_id})
        order by created_at, id`;

/**
 * The columns that the conditions and the order of the board need, and the length of the texts without reading them.
 */
const looked = sql`id, created_at, kind, status, poster_id, due_at, held_until, barred, is_for_chosen, match_count, tags, hints,
  ${bytesIn('tasks')} as bytes`;

/** The tasks that a scan examines. Tasks that lack another tag are skipped in the index, before their row is read. */
const examined = (p: ScanParams, tagCount: number, examine: number): Source =>
  tagCount > 0
    ? byIds(sql`select id, created_at from (${next(p, nothing, tagCount)} limit ${sql.lit(examine)}) as n
        where ${hasTags(p, 'n', 1, tagCount)}`)
    : { from: sql`(${next(p, looked, 0)} limit ${sql.lit(examine)}) as t`, where: sql`1 = 1`, bytes: sql`t.bytes` };

const everyonesAmong = (p: ScanParams, { from, where }: Source, selected: Fragment) =>
  sql`select ${selected} from ${from} where ${where} and ${fulfils(isOpen(p), isEveryones(p))}`;

function scanOf<R extends TaskRef>(name: string, hasSortKeys: boolean) {
  return perShape((shape: Shape) => {
    const [tagCount, examine] = shapeOf(shape);
    // The order in which the examined tasks arrive, so that PostgreSQL need not sort and stops at the limit.
    const order = tagCount > 0 ? sql`x.created_at, x.id` : sql`t.created_at, t.id`;
    return preparedSql<ScanParams, R>(`${name} ${shape}`, (p) => {
      const tasks = examined(p, tagCount, examine);
      const rows = hasSortKeys
        ? everyonesAmong(p, withPosters(tasks), sortKeyOf(tasks, p))
        : everyonesAmong(p, tasks, refOf(tasks));
      return sql`${rows} order by ${order} limit ${p.limit}`;
    });
  });
}

/** The tasks open to the agent among the next tasks with all the tags, oldest first. */
export const scanBoard = scanOf<TaskRef>('scanBoard', false);

/** The same tasks with the values that decide their order. */
export const scanWithSortKeys = scanOf<BoardRow>('scanWithSortKeys', true);

/** The last of the tasks that a scan examines; no row if the board ends before it. */
export const scanEnd = perShape((shape: Shape) => {
  const [tagCount, examine] = shapeOf(shape);
  return preparedSql<Start, { id: string; created_at: number }>(
    `scanEnd ${shape}`,
    (p) => sql`${next(p, sql`id, created_at`, tagCount)} limit 1 offset ${sql.lit(examine - 1)}`,
    // A generic plan does not know how many tasks follow, and may sort them.
    { replan: true },
  );
});

/** The number of tasks open to the agent among the next tasks, at most `limit`. */
export const countBoard = perShape((shape: Shape) => {
  const [tagCount, examine] = shapeOf(shape);
  return preparedSql<ScanParams, { total: number }>(
    `countBoard ${shape}`,
    (p) => sql`select count(*) as total
      from (${everyonesAmong(p, examined(p, tagCount, examine), sql`t.id`)} limit ${p.limit}) as counted`,
  );
});

/** Sizes of the id lists of `openAmong` and `sortKeysOf`. A shorter list repeats its last id. */
export const idShapes = [10, 100, 1_000] as const;

/** `count` tasks by id: parameters `id_0`, `id_1`, … */
const named = (p: Params, count: number): Source => ({
  from: sql`tasks t`,
  where: sql`t.id in (${sql.join(listed(p, 'id', count))})`,
  bytes: bytesIn('t'),
});

/** The tasks among those named by id that have all the tags and are open to the agent. */
export const openAmong = perShape((shape: Shape) => {
  const [tagCount, count] = shapeOf(shape);
  return preparedSql<BoardParams, TaskRef>(`openAmong ${shape}`, (p) => {
    const { from, where, bytes } = named(p, count);
    return sql`select ${refOf({ bytes })} from ${from}
      where ${where} and ${fulfils(isOpen(p), isEveryones(p), hasTags(p, 't', 0, tagCount))}`;
  });
});

/** A task on the agent's board with its poster's ratings and the agent's rank among those matched to it. */
export const openTask = preparedSql<
  BoardParams & { id: string },
  MovedTask & PosterRow & { readonly rank: number | null }
>('openTask', (p) => {
  const columns = sql.join(movedColumns.map((column) => sql.ref(`t.${column}`)));
  const poster = sql.join(recordColumns.map((column) => sql.ref(`p.${column}`)));
  return sql`select ${columns}, p.name as poster_name, p.rating_sum, p.rating_count, ${poster}, m.rank
    from tasks t cross join agents p
      left join matches m on m.task_id = t.id and m.agent_id = ${p.agent} and m.on_board = 1
    where t.id = ${p.id} and p.id = t.poster_id
      and ${fulfils(isOpen(p), sql`(m.rank is not null or (${isEveryones(p)}))`)}`;
});

/** The open tasks among those named by id that have all the tags, with the agent's rank if it was matched to them. */
export const openWithRanks = perShape((shape: Shape) => {
  const [tagCount, count] = shapeOf(shape);
  return preparedSql<BoardParams, TaskRef & { readonly rank: number | null }>(`openWithRanks ${shape}`, (p) => {
    const { from, where, bytes } = named(p, count);
    return sql`select ${refOf({ bytes })},
      (select m.rank from matches m where m.task_id = t.id and m.agent_id = ${p.agent}) as rank from ${from}
      where ${where} and ${fulfils(isOpen(p), hasTagsAnyhow(p, tagCount))}`;
  });
});

/** The values that decide the order of `count` tasks. */
export const sortKeysOf = perShape((count: number) =>
  preparedSql<BoardParams, BoardRow>(`sortKeysOf${count}`, (p) => {
    const source = withPosters(named(p, count));
    return sql`select ${sortKeyOf(source, p)} from ${source.from} where ${source.where}`;
  }),
);

/** The windows of the capability tags: for each, the oldest tasks with it among their tags or their hints. */
export const tagWindows = perShape((shape: Shape) => {
  const [tagCount, examine] = shapeOf(shape);
  return preparedSql<BoardParams, BoardRow>(
    `tagWindows ${shape}`,
    (p) => {
      const oldest = (table: 'board_tags' | 'board_hints', i: number) => sql`select id from (
      select task_id as id from ${sql.table(table)} where tag = ${tag(p, i)}
      order by created_at, task_id limit ${sql.lit(examine)}) as ${sql.ref(`${table}_${i}`)}`;
      const windows = indexes(tagCount).flatMap((i) => [oldest('board_tags', i), oldest('board_hints', i)]);
      const source = withPosters(byIds(sql.join(windows, sql` union `)));
      return sql`select ${sortKeyOf(source, p)} from ${source.from}
      where ${source.where} and ${fulfils(isOpen(p), isEveryones(p))}`;
    },
    { bounded: 'at most `examine` tasks of each window' },
  );
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

/** The tasks on the board that the agent was chosen for or matched to, best rank first, open to it or not. */
const chosenFor = (p: MatchStart, columns: Fragment) => sql`
  select ${columns} from matches
  where agent_id = ${p.agent} and on_board = 1
    and (rank, task_created_at, task_id) > (${p.after_rank}, ${p.after_created_at}, ${p.after_id})
  order by rank, task_created_at, task_id`;

const matchedAmong = (p: MatchedParams, selected: Fragment, tagCount: number, examine: number) => {
  const ids = chosenFor(p, sql`task_id as id, task_created_at as created_at, rank, has_head_start`);
  const { from, where } = byIds(sql`${ids} limit ${sql.lit(examine)}`);
  const isShown = sql`(x.has_head_start = 1 or ${isPastHeadStart(p)})`;
  return sql`select ${selected} from ${from}
    where ${where} and ${fulfils(isOpen(p), isShown, hasTagsAnyhow(p, tagCount))}`;
};

/** The open tasks that the agent was matched to and that have all the tags, best rank first. */
export const matchedTasks = perShape((shape: Shape) => {
  const [tagCount, examine] = shapeOf(shape);
  return preparedSql<MatchedParams, MatchedRow>(
    `matchedTasks ${shape}`,
    (p) => sql`${matchedAmong(p, sql`${refOf({ bytes: bytesIn('t') })}, x.rank`, tagCount, examine)}
      order by x.rank, x.created_at, x.id limit ${p.limit}`,
  );
});

/** The last of the matched tasks that a scan examines; no row if there are fewer. */
export const matchedEnd = perShape((examine: number) =>
  preparedSql<MatchStart, { id: string; created_at: number; rank: number }>(
    `matchedEnd ${examine}`,
    (p) => sql`${chosenFor(p, sql`task_id as id, task_created_at as created_at, rank`)}
      limit 1 offset ${sql.lit(examine - 1)}`,
  ),
);

/** The number of matched tasks that are open to the agent, at most `limit`. */
export const countMatched = perShape((shape: Shape) => {
  const [tagCount, examine] = shapeOf(shape);
  return preparedSql<MatchedParams, { total: number }>(
    `countMatched ${shape}`,
    (p) => sql`select count(*) as total
      from (${matchedAmong(p, sql`t.id`, tagCount, examine)} limit ${p.limit}) as counted`,
  );
});

/** The capability tags of an agent. */
export const capabilitiesOf = prepared('capabilitiesOf', (db, p: { agent: string; limit: number }) =>
  db
    .selectFrom('agent_tags')
    .select('tag')
    .where('agent_id', '=', p.agent)
    .where('is_capability', '=', sql.lit(1))
    .orderBy('tag')
    .limit(p.limit),
);

/** The number of tasks that `lockFirstOf` chooses from. */
export const lockShape = 10;

/**
 * Locks the first of `lockShape` tasks (parameters `id_0`, `id_1`, …) that is on the board and that no other
 * transaction has locked.
 */
export const lockFirstOf = prepared(
  'lockFirstOf',
  (db, p: Params, engine) => {
    const ids = listed(p, 'id', lockShape);
    const ordinal = sql`case tasks.id ${sql.join(
      ids.map((id, i) => sql`when ${id} then ${sql.lit(i)}`),
      sql` `,
    )} end`;
    return engine.skipLocked(
      db
        .selectFrom('tasks')
        .select('tasks.id')
        .where('tasks.id', 'in', ids)
        .where(statusIn('tasks.status', boardStates))
        .orderBy(ordinal)
        .limit(1),
      'tasks',
    );
  },
  { bounded: 'a list of ids' },
);
