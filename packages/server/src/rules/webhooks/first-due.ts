import type { Tx } from '../../storage/database.ts';
import { type DeliveryRow, firstAgain, firstFresh } from './queries.ts';

/** The delivery that is due first: the untried one with the lowest number, or the next retry. */
export async function firstDue(
  tx: Tx,
  agentId: string,
  now: number,
): Promise<{ row: DeliveryRow; dueAt: number; restsUntil?: undefined } | undefined> {
  const [fresh, again] = await Promise.all([
    tx.first(firstFresh, { agent_id: agentId }),
    tx.first(firstAgain, { agent_id: agentId }),
  ]);
  const repeated = again && { row: again, dueAt: again.next_at };
  if (fresh === undefined) return repeated;
  // An untried delivery is always due. If its time is in the future, the clock was set back.
  const untried = { row: fresh, dueAt: Math.min(fresh.next_at, now) };
  return repeated !== undefined && repeated.dueAt < untried.dueAt ? repeated : untried;
}
