import type { Tx } from '../../storage/database.ts';
import { prepared } from '../../storage/prepared.ts';

/** Locks the task, so that its texts are not removed at the same moment. */
const holdWhetherRemoved = prepared('holdWhetherRemoved', (db, p: { id: string }, engine) =>
  engine.hold(db.selectFrom('tasks').select(['id', 'texts_removed']).where('id', '=', p.id)),
);

/**
 * What to store of a text that is written about a task: nothing, if the task's texts were removed (contract section 2,
 * "Redacting a task"). Locks the task.
 */
export async function keptText(tx: Tx, taskId: string, text: string | undefined): Promise<string | null> {
  if (text === undefined) return null;
  const task = await tx.one(holdWhetherRemoved, { id: taskId });
  return task.texts_removed === null ? text : null;
}
