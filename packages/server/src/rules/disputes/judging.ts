import { isEnded } from '../../ground/states.ts';
import type { Reader } from '../../storage/database.ts';
import { heldSeat } from './queries.ts';

/** Whether an agent judges a task now: it holds a judge's system task about it, and so may read what a judge reads. */
export async function isJudging(reader: Reader, taskId: string, agentId: string): Promise<boolean> {
  const seats = await reader.all(heldSeat, { disputed_id: taskId, judge: agentId });
  return seats.some(({ status }) => !isEnded(status));
}
