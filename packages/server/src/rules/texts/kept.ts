import type { Tx } from '../../storage/database.ts';
import { holdTask } from '../tasks/queries.ts';

/**
 * What to store of a text that is written about a task: nothing, if the task's texts were removed (contract section 2,
 * "Redacting a task"). Locks the task, so that they are not removed at the same moment.
 */
export async function keptText(tx: Tx, taskId: string, text: string | undefined): Promise<string | null> {
  if (text === undefined) return null;
  const task = await tx.one(holdTask, { id: taskId });
  return task.texts_removed === null ? text : null;
}
