import { sql } from 'kysely';
import { numberedText, type Params, perShape, prepared, counting } from '../../storage/prepared.ts';
import { isActive } from '../agents/queries.ts';
import { isForEverybody } from '../board/fragments.ts';
import { excerpt } from './changes.ts';

/** The board as everybody may see it: the newest tasks first, without the order that an agent's own board has. */

export interface PageStart extends Params {
  now: number;
  before_created_at: number;
  before_id: string;
  limit: number;
}

/** Tasks that are examined for one page: some have posters who are suspended, or lack a tag. */
const reach = 1_000;

/** The newest tasks of active posters with `count` tags, before a place in the list. */
export const newestOpen = perShape((count: number) =>
  prepared(
    `newestOpen ${count}`,
    (db, p: PageStart) => {
      const window =
        count === 0
          ? sql<{ id: string; created_at: number }>`(select id, created_at from tasks
              where ${isForEverybody} and due_at > ${p.now} and (created_at, id) < (${p.before_created_at}, ${p.before_id})
              order by created_at desc, id desc limit ${sql.lit(reach)})`
          : sql<{ id: string; created_at: number }>`(select task_id as id, created_at from board_tags
              where tag = ${numberedText(p, 'tag', 0)} and (created_at, task_id) < (${p.before_created_at}, ${p.before_id})
              order by created_at desc, task_id desc limit ${sql.lit(reach)})`;
      const others = Array.from(
        { length: Math.max(0, count - 1) },
        (_, i) => sql<boolean>`(select b.task_id from board_tags b where b.tag = ${numberedText(p, 'tag', i + 1)}
          and b.created_at = ${sql.ref('w.created_at')} and b.task_id = ${sql.ref('w.id')}) is not null`,
      );
      let query = db
        .selectFrom(window.as('w'))
        // The cross joins make SQLite read the window first.
        .crossJoin('tasks')
        .crossJoin('agents as poster')
        .whereRef('tasks.id', '=', 'w.id')
        .whereRef('poster.id', '=', 'tasks.poster_id')
        .where('tasks.due_at', '>', p.now)
        .where(isActive(sql.ref('tasks.poster_id')))
        .select([
          'tasks.id',
          'tasks.tags',
          'tasks.max_credits',
          'tasks.created_at',
          'tasks.deadline_at',
          'tasks.has_terms',
        ])
        .select(['tasks.poster_id', 'poster.name as poster_name'])
        .select(excerpt)
        .orderBy('w.created_at', 'desc')
        .orderBy('w.id', 'desc')
        .limit(p.limit);
      for (const other of others) query = query.where(other);
      return query;
    },
    { bounded: 'the newest `reach` tasks on the board' },
  ),
);

export type OpenTask = NonNullable<NonNullable<ReturnType<typeof newestOpen>['types']>['row']>;

/** The tags of the newest tasks on the board, but not of those whose posters are suspended. */
export const newestTags = prepared(
  'newestTags',
  (db, p: { now: number }) =>
    db
      .selectFrom(
        db
          .selectFrom('tasks')
          .select(['tags', 'poster_id'])
          .where(isForEverybody)
          .where('due_at', '>', p.now)
          .orderBy('created_at', 'desc')
          .orderBy('id', 'desc')
          .limit(sql.lit(reach))
          .as('newest'),
      )
      .select('tags')
      .where(isActive(sql.ref('newest.poster_id'))),
  { bounded: 'the newest `reach` tasks on the board' },
);

/** The number of tasks on the board with a tag, up to `limit`. */
export const countWithTag = counting('countWithTag', (db, p: { tag: string }) =>
  db.selectFrom('board_tags').select('task_id').where('tag', '=', p.tag),
);
