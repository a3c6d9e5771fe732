import { limits, type TaskStatus, taskStatuses } from '@pinchwork/sdk/table';
import { type Kysely, sql } from 'kysely';
import { counting, listed, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import { recordColumns } from '../reputation/poster-record.ts';
import { movedColumns, type TaskRow } from './queries.ts';

/**
 * The lists of an agent's own tasks. A page is read in two steps: first the ids, then the tasks themselves with the
 * beginnings of their long texts, which are all that a page shows.
 */

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
    (db, p: MineParams & { limit: number; offset: number }) =>
      db
        .selectFrom(mine(db, p, shape).as('mine'))
        .select(['mine.id', 'mine.created_at'])
        .orderBy('mine.created_at', 'desc')
        .orderBy('mine.id', 'desc')
        .limit(p.limit)
        .offset(p.offset),
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

/** The texts of a task that can be much longer than a page shows. */
const longTexts = ['need', 'context', 'result'] as const;
const otherColumns = movedColumns.filter((column) => !(longTexts as readonly string[]).includes(column)) as Exclude<
  (typeof movedColumns)[number],
  (typeof longTexts)[number]
>[];

/** The beginning of a text: a character more than a page shows, so that a longer text is known to be cut. */
const beginningOf = <C extends (typeof longTexts)[number]>(column: C) =>
  sql<TaskRow[C]>`substr(${sql.ref(`tasks.${column}`)}, 1, ${sql.lit(limits.excerptLength + 1)})`.as(column);

/** `count` tasks by id (parameters `id_0`, `id_1`, …) with the beginnings of their texts and their posters' ratings. */
export const excerptsByIds = perShape((count: number) =>
  prepared(`excerptsOf${count}Tasks`, (db, p: Params) =>
    db
      .selectFrom('tasks')
      .innerJoin('agents as poster', 'poster.id', 'tasks.poster_id')
      .select(otherColumns.map((column) => `tasks.${column}` as const))
      .select([beginningOf('need'), beginningOf('context'), beginningOf('result')])
      .select(['poster.name as poster_name', 'poster.rating_sum', 'poster.rating_count'])
      .select(recordColumns.map((column) => `poster.${column}` as const))
      .where('tasks.id', 'in', listed(p, 'id', count)),
  ),
);

/** What a task's poster gave with its approval. Null where it gave none. */
export interface Review {
  readonly rating: number | null;
  readonly feedback: string | null;
}

/** The posters' reviews of `count` tasks by id (parameters `id_0`, `id_1`, …). */
export const postersReviews = perShape((count: number) =>
  prepared(`postersReviewsOf${count}Tasks`, (db, p: Params) =>
    db
      .selectFrom('tasks')
      .innerJoin('reviews', (join) =>
        join.onRef('reviews.task_id', '=', 'tasks.id').onRef('reviews.reviewer_id', '=', 'tasks.poster_id'),
      )
      .select(['tasks.id', 'reviews.rating', 'reviews.feedback'])
      .where('tasks.id', 'in', listed(p, 'id', count)),
  ),
);
