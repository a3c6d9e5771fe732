import type { Tx } from '../../storage/database.ts';
import { listed, type Params, perShape, prepared } from '../../storage/prepared.ts';
import { tagParams } from '../../storage/tags.ts';
import type { TaskRow } from '../tasks/queries.ts';

/**
 * The indexes of posted tasks by tag: by the tags of the poster, and by the hints that matching extracted. Tasks for
 * chosen agents have an index of their own.
 */
type EntryTable = 'board_tags' | 'board_hints' | 'offer_tags';

interface Entry extends Params {
  created_at: number;
  task_id: string;
}

/** Statements for `count` tags at once: parameters `tag_0`, `tag_1`, … */
const entries = (table: EntryTable) => ({
  insert: perShape((count: number) =>
    prepared(`insert ${count} ${table}`, (db, p: Entry) =>
      db
        .insertInto(table)
        .values(listed(p, 'tag', count).map((tag) => ({ tag, created_at: p.created_at, task_id: p.task_id }))),
    ),
  ),
  delete: perShape((count: number) =>
    prepared(`delete ${count} ${table}`, (db, p: Entry) =>
      db
        .deleteFrom(table)
        .where('tag', 'in', listed(p, 'tag', count))
        .where('created_at', '=', p.created_at)
        .where('task_id', '=', p.task_id),
    ),
  ),
});

const tables = {
  board_tags: entries('board_tags'),
  board_hints: entries('board_hints'),
  offer_tags: entries('offer_tags'),
};

/** Adds a task's entries for these tags to the board, or removes them. */
export function moveEntries(
  tx: Tx,
  table: EntryTable,
  { task, tags }: { task: Pick<TaskRow, 'id' | 'created_at'>; tags: readonly string[] },
  isOnBoard: boolean,
): void {
  if (tags.length === 0) return;
  const entry = { task_id: task.id, created_at: task.created_at, ...tagParams(tags) };
  if (isOnBoard) tx.send(tables[table].insert(tags.length), entry);
  else tx.send(tables[table].delete(tags.length), entry);
}
