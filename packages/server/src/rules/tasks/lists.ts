import { type TaskStatus, taskStatuses } from '@pinchwork/sdk';
import { type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import { counting, listed, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

/**
 * The lists of an agent's own tasks. A page is read in two steps, first which tasks and how long their
 * texts are, then the tasks themselves, so that a page of the longest texts can be cut short before it is in memory.
 */
interface PageRow {
  readonly id: string;
  readonly created_at: number;
  /** Characters of text that the task brings into a reply. */
  readonly size: number;
}

/** Where a page begins: behind this task in the list's order. */
type Position = Pick<PageRow, 'id' | 'created_at'>;

/** The platform's own tasks show the texts of what they are about twice; each candidate's id stands for 2,000 characters. */
const textSize = sql<number>`coalesce(length(tasks.need), 0) + coalesce(length(tasks.context), 0) + coalesce(length(tasks.result), 0)
  + coalesce((select 2 * (length(about.need) + coalesce(length(about.context), 0) + coalesce(length(about.result), 0))
      from tasks as about where about.id = tasks.about_id), 0)
  + coalesce(200 * length(tasks.candidates), 0)`;

/** The tasks of a page with the length of their texts, which are looked at for these alone, not for those before. */
function withSizes(db: Kysely<Schema>, page: SelectQueryBuilder<Schema, never, Position>) {
  return db
    .selectFrom(page.as('page'))
    .innerJoin('tasks', 'tasks.id', 'page.id')
    .select(['page.id', 'page.created_at', textSize.as('size')]);
}

/** How long the texts of so many tasks are, parameters `id_0`, `id_1`, …: looked at before they are in memory. */
export const sizesByIds = perShape((count: number) =>
  prepared(`sizesOf${count}Tasks`, (db, p: Params) =>
    db
      .selectFrom('tasks')
      .select(['tasks.id', textSize.as('size')])
      .where('tasks.id', 'in', listed(p, 'id', count)),
  ),
);

type Role = 'poster' | 'worker';

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
    { replan: true, bounded: 'at most `reach` rows of each role and status' },
  ),
);

/** How many tasks an agent has, counted up to `limit`. `reach` must be the limit too. */
export const countMine = perShape((shape: string) =>
  counting(
    `countMine ${shape}`,
    (db, p: MineParams) => db.selectFrom(mine(db, p, shape).as('mine')).select('mine.id'),
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
      .where('tasks.id', 'in', listed(p, 'id', count)),
  ),
);
