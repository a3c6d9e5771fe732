import { stateOf } from '../../ground/states.ts';
import type { TaskRow } from './queries.ts';

/**
 * Whether everybody may see the beginning of a task's need, and its tags (contract section 2, "Who sees what"): it waits
 * on the board or has ended, is for everybody, and its texts were not removed.
 */
export const isPreviewed = (task: Pick<TaskRow, 'status' | 'texts_removed' | 'is_for_chosen'>): boolean =>
  stateOf(task.status).isPreviewed && task.texts_removed === null && task.is_for_chosen === 0;
