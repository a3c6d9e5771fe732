import { foldTag, type TaskStatus, taskStatuses } from '@pinchwork/sdk';
import { type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import { type Params, perShape, prepared } from '../db/prepared.ts';
import type { Schema } from '../db/schema.ts';

/**
 * The lists of tasks: the board and an agent's own. A page is read in two steps, first which tasks and how long their
 * texts are, then the tasks themselves, so that a page of the longest texts can be cut short before it is in memory.
 */
export interface PageRow {
  readonly id: string;
  readonly created_at: number;
  /** Characters of text that the task brings into a reply. */
  readonly size: number;
}

/** Where a page begins: behind this task in the list's order. */
export type Position = Pick<PageRow, 'id' | 'created_at'>;

interface BoardParams extends Params {
  agent: string;
  now: number;
}

/** The parameters of a tag filter: `tag_0`, `tag_1`, …, folded. */
export function tagParams(tags: readonly string[]): Params {
  return Object.fromEntries(tags.map((tag, i) => [`tag_${i}`, foldTag(tag)]));
}

const tagParam = (p: Params, i: number) => p[`tag_${i}`] as string;

/**
 * The tasks on the board that an agent may take and that bear all of `tagCount` tags, and the columns to order them by.
 * A suspended poster's are not among them.
 * With tags, the first one's part of `board_tags` is read in its order, and the others are looked up.
 */
function onBoard(db: Kysely<Schema>, p: BoardParams, tagCount: number) {
  type OnBoard = SelectQueryBuilder<Schema, 'tasks', object>;
  let query: OnBoard = db.selectFrom('tasks');
  if (tagCount > 0) {
    query = db
      .selectFrom('board_tags as first_tag')
      .innerJoin('tasks', 'tasks.id', 'first_tag.task_id')
      .where('first_tag.tag', '=', tagParam(p, 0));
  }
  for (let i = 1; i < tagCount; i++) {
    query = query.where(({ exists, selectFrom }) =>
      exists(
        selectFrom('board_tags')
          .select('tag')
          .where('tag', '=', tagParam(p, i))
          .whereRef('board_tags.created_at', '=', 'tasks.created_at')
          .whereRef('board_tags.task_id', '=', 'tasks.id'),
      ),
    );
  }
  query = query
    .where('tasks.status', '=', sql.lit('posted'))
    .where('tasks.due_at', '>', p.now)
    .where('tasks.poster_id', '<>', p.agent)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('agents')
            .select('agents.id')
            .whereRef('agents.id', '=', 'tasks.poster_id')
            .where('agents.suspended_at', 'is not', null),
        ),
      ),
    );
  return {
    query,
    createdAt: sql.ref<number>(tagCount > 0 ? 'first_tag.created_at' : 'tasks.created_at'),
    id: sql.ref<string>(tagCount > 0 ? 'first_tag.task_id' : 'tasks.id'),
  };
}

/** The tasks of a page with the length of their texts, which are looked at for these alone, not for those before. */
function withSizes(db: Kysely<Schema>, page: SelectQueryBuilder<Schema, never, Position>) {
  return db
    .selectFrom(page.as('page'))
    .innerJoin('tasks', 'tasks.id', 'page.id')
    .select([
      'page.id',
      'page.created_at',
      sql<number>`length(need) + coalesce(length(context), 0) + coalesce(length(result), 0)`.as('size'),
    ]);
}

/** The next tasks to pick up, oldest first, held for this transaction. */
export const nextOnBoard = perShape((tagCount: number) =>
  prepared(
    `nextOnBoard${tagCount}`,
    (db, p: BoardParams & { limit: number }, engine) => {
      const { query, createdAt, id } = onBoard(db, p, tagCount);
      return engine.skipLocked(query.select('tasks.id').orderBy(createdAt).orderBy(id).limit(p.limit), 'tasks');
    },
    { replan: true },
  ),
);

/** A page of the board, oldest first, from behind a task. */
export const boardPage = perShape((tagCount: number) =>
  prepared(
    `boardPage${tagCount}`,
    (db, p: BoardParams & { after_created_at: number; after_id: string; limit: number; offset: number }) => {
      const { query, createdAt, id } = onBoard(db, p, tagCount);
      const page = query
        .select(['tasks.id', 'tasks.created_at'])
        .where(sql<boolean>`(${createdAt}, ${id}) > (${p.after_created_at}, ${p.after_id})`)
        .orderBy(createdAt)
        .orderBy(id)
        .limit(p.limit)
        .offset(p.offset);
      return withSizes(db, page).orderBy('page.created_at').orderBy('page.id');
    },
    { replan: true },
  ),
);

/** How many tasks the board has for an agent, counted up to `limit`. */
export const countBoard = perShape((tagCount: number) =>
  prepared(
    `countBoard${tagCount}`,
    (db, p: BoardParams & { limit: number }) =>
      db
        .selectFrom(onBoard(db, p, tagCount).query.select('tasks.id').limit(p.limit).as('counted'))
        .select(sql<number>`count(*)`.as('total')),
    { replan: true },
  ),
);

export type Role = 'poster' | 'worker';

/** Which of an agent's tasks: a shape of the prepared queries below, `role/status`, each part a name or `any`. */
export const mineShape = (role: Role | undefined, status: TaskStatus | undefined) =>
  `${role ?? 'any'}/${status ?? 'any'}`;

interface MineParams extends Params {
  agent: string;
  before_created_at: number;
  before_id: string;
  /** How many of the newest of each role and status can be on the page: offset and limit together. */
  reach: number;
}

/**
 * An agent's tasks before a position: for each role and status the newest few, by an index that has exactly that
 * order. So an agent with a hundred thousand tasks pays for a page, not for the tasks.
 */
function mine(db: Kysely<Schema>, p: MineParams, shape: string) {
  const [role, status] = shape.split('/');
  const roles = (['poster', 'worker'] as const).filter((each) => role === 'any' || role === each);
  const statuses = taskStatuses.filter((each) => status === 'any' || status === each);
  const parts = roles.flatMap((role) =>
    statuses.map((status) =>
      db
        .selectFrom(
          db
            .selectFrom('tasks')
            .select(['id', 'created_at'])
            .where(`${role}_id`, '=', p.agent)
            .where('status', '=', sql.lit(status))
            .where(sql<boolean>`(created_at, id) < (${p.before_created_at}, ${p.before_id})`)
            .orderBy('created_at', 'desc')
            .orderBy('id', 'desc')
            .limit(p.reach)
            .as(`${role}_${status}`),
        )
        .selectAll(),
    ),
  );
  return parts.reduce((all, part) => all.unionAll(part));
}

/** A page of an agent's tasks, newest first. */
export const minePage = perShape((shape: string) =>
  prepared(
    `minePage ${shape}`,
    (db, p: MineParams & { limit: number; offset: number }) => {
      const page = db
        .selectFrom(mine(db, p, shape).as('mine'))
        .select(['mine.id', 'mine.created_at'])
        .orderBy('mine.created_at', 'desc')
        .orderBy('mine.id', 'desc')
        .limit(p.limit)
        .offset(p.offset);
      return withSizes(db, page).orderBy('page.created_at', 'desc').orderBy('page.id', 'desc');
    },
    { replan: true },
  ),
);

/** How many tasks an agent has, counted up to `limit`. `reach` must be the limit too. */
export const countMine = perShape((shape: string) =>
  prepared(
    `countMine ${shape}`,
    (db, p: MineParams & { limit: number }) =>
      db
        .selectFrom(
          db
            .selectFrom(mine(db, p, shape).as('mine'))
            .select('mine.id')
            .limit(p.limit)
            .as('counted'),
        )
        .select(sql<number>`count(*)`.as('total')),
    { replan: true },
  ),
);

/** So many tasks by their ids, parameters `id_0`, `id_1`, …, with what is shown of their posters. */
export const tasksByIds = perShape((count: number) =>
  prepared(`tasks${count}ByIds`, (db, p: Params) =>
    db
      .selectFrom('tasks')
      .innerJoin('agents as poster', 'poster.id', 'tasks.poster_id')
      .selectAll('tasks')
      .select(['poster.rating_sum', 'poster.rating_count'])
      .where(
        'tasks.id',
        'in',
        Array.from({ length: count }, (_, i) => p[`id_${i}`] as string),
      ),
  ),
);
