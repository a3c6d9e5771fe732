import { type TaskStatus, taskStatuses } from '@pinchwork/sdk';
import { type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import { counting, listed, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

/**
 * The lists of an agent's own tasks. A page is read in two steps: first the ids and the lengths of the texts, then the
 * tasks themselves. So a page of very long texts can be cut before the texts are in memory.
 */
interface PageRow {
  readonly id: string;
  readonly created_at: number;
  /** Number of characters that the task's texts add to a reply. */
  readonly size: number;
}

/** A page begins after this task in the order of the list. */
type TaskSortKey = Pick<PageRow, 'id' | 'created_at'>;

/**
 * System tasks show the texts of the task that they are about twice. Each candidate's id counts as 2,000 characters,
 * for its `good_at`.
 */
const textSize = sql<number>`coalesce(length(tasks.need), 0) + coalesce(length(tasks.context), 0) + coalesce(length(tasks.result), 0)
  + coalesce((select 2 * (length(about.need) + coalesce(length(about.context), 0) + coalesce(length(about.result), 0))
      from tasks as about where about.id = tasks.about_id), 0)
  + coalesce(200 * length(tasks.candidates), 0)`;

/** Adds the length of the texts to the tasks of a page. Texts of tasks before the page are not read. */
function withSizes(db: Kysely<Schema>, page: SelectQueryBuilder<Schema, never, TaskSortKey>) {
  return db
    .selectFrom(page.as('page'))
    .innerJoin('tasks', 'tasks.id', 'page.id')
    .select(['page.id', 'page.created_at', textSize.as('size')]);
}

/** The lengths of the texts of `count` tasks (parameters `id_0`, `id_1`, …), without loading the texts. */
export const sizesByIds = perShape((count: number) =>
  prepared(`sizesOf${count}Tasks`, (db, p: Params) =>
    db
      .selectFrom('tasks')
      .select(['tasks.id', textSize.as('size')])
      .where('tasks.id', 'in', listed(p, 'id', count)),
  ),
);

type Role = 'poster' | 'worker';

/** The shape of the queries below, `<role>/<status>`; `any` stands for all. */
export const mineShape = (role: Role | undefined, status: TaskStatus | undefined) =>
  `${role ?? 'any'}/${status ?? 'any'}`;

interface MineParams extends Params {
  agent: string;
  before_created_at: number;
  before_id: string;
  /** Rows read per role and status: the sum of offset and limit. */
  reach: number;
}

/**
 * An agent's tasks before a sort key: the newest `reach` of each role and status, by an index in that order. So the
 * cost depends on the page, even for an agent with a hundred thousand tasks.
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
    { replan: true, bounded: 'at most `reach` rows of each role and status' },
  ),
);

/** The number of an agent's tasks, at most `limit`. `reach` must equal the limit. */
export const countMine = perShape((shape: string) =>
  counting(
    `countMine ${shape}`,
    (db, p: MineParams) => db.selectFrom(mine(db, p, shape).as('mine')).select('mine.id'),
    { replan: true },
  ),
);

/** `count` tasks by id (parameters `id_0`, `id_1`, …), with their posters' ratings. */
export const tasksByIds = perShape((count: number) =>
  prepared(`tasks${count}ByIds`, (db, p: Params) =>
    db
      .selectFrom('tasks')
      .innerJoin('agents as poster', 'poster.id', 'tasks.poster_id')
      .selectAll('tasks')
      .select(['poster.rating_sum', 'poster.rating_count'])
      .where('tasks.id', 'in', listed(p, 'id', count)),
  ),
);
