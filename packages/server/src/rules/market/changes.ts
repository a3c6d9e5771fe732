import type { MarketEvent } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { wireTime } from '../../ground/clock.ts';
import { previewOf } from '../../ground/preview.ts';
import type { Reader } from '../../storage/database.ts';
import { prepared, preparedSql } from '../../storage/prepared.ts';
import { isActive } from '../agents/queries.ts';
import { isPreviewed } from '../tasks/public.ts';
import { tagsOf } from '../tasks/view.ts';

/** What tasks became, as everybody may see it: on the public stream, and on the page of the market. */

/** No preview is longer. */
export const excerpt = sql<string>`substr(need, 1, 2000)`.as('need');

/** Tasks among a JSON list of ids, of active posters, with the time of their latest transition. */
export const changedTasks = prepared('changedTasks', (db, p: { tasks: string }, engine) =>
  db
    .selectFrom('tasks')
    .innerJoin('task_transitions as h', (join) =>
      join.onRef('h.task_id', '=', 'tasks.id').onRef('h.version', '=', 'tasks.version'),
    )
    .select(['tasks.id', 'status', 'tags', 'max_credits', 'texts_removed', 'is_for_chosen', 'h.version', 'h.at'])
    .select(excerpt)
    .where(engine.isListed('tasks.id', p.tasks))
    .where('kind', '=', sql.lit('work'))
    .where(isActive(sql.ref('tasks.poster_id'))),
);

export type ChangedTask = NonNullable<NonNullable<typeof changedTasks.types>['row']>;

/** A change as an event of the public stream. */
export function eventOf(row: ChangedTask, previewLength: number): MarketEvent {
  const isShown = isPreviewed(row);
  return {
    type: `task_${row.status}`,
    task_id: row.id,
    timestamp: wireTime(row.at),
    max_credits: row.max_credits,
    preview: isShown ? previewOf(row.need, previewLength) : null,
    tags: isShown ? tagsOf(row) : [],
  };
}

/** Entries of the ledger that are looked through for tasks whose credits moved lately. */
const reach = 400;
const mostTasks = 60;

/** The tasks of the newest entries of escrows, the newest first. */
const lastMoved = preparedSql<{ before: string }, { id: string }>(
  'lastMoved',
  (p) => sql`select e.task_id as id from (select transfer_id, account_id, task_id from ledger_entries
      where transfer_id < ${p.before} order by transfer_id desc, account_id desc limit ${sql.lit(reach)}) as e
    where e.account_id = e.task_id`,
  { bounded: 'the newest `reach` entries' },
);

/**
 * The latest changes, newest first. History has no order over all tasks, so these are the tasks whose credits moved
 * lately: all that were posted or have ended, with what became of those posted since.
 */
export async function lastChanges(reader: Reader, most: number): Promise<ChangedTask[]> {
  const moved = await reader.all(lastMoved, { before: '~' });
  const ids = [...new Set(moved.map(({ id }) => id))].slice(0, mostTasks);
  if (ids.length === 0) return [];
  const rows = await reader.all(changedTasks, { tasks: JSON.stringify(ids) });
  return rows.sort((a, b) => b.at - a.at).slice(0, most);
}
