import type { Work } from '../../storage/ground.ts';
import { callReceiver, insertDelivery } from './queries.ts';

/** The content of a delivery. */
interface Told {
  readonly agentId: string;
  /** The event's number; null for a test. */
  readonly number: number | null;
  readonly event: string;
  readonly taskId: string | null;
  /** The event's own fields as JSON. */
  readonly data: string;
}

/** Signals the deliverer that a delivery or a receiver may be due. */
export const deliveriesDue = Symbol('deliveries due');

/**
 * Adds a webhook delivery in the transaction of its event, so that both are committed or neither is. The row holds all
 * that is sent, because the event may be pruned before the delivery ends.
 *
 * @param firstAt time of the first attempt, in epoch milliseconds; now by default.
 * @returns the delivery's id.
 */
export function enqueueDelivery(
  { ctx, tx, now }: Work,
  { agentId, number, event, taskId, data }: Told,
  firstAt = now,
): string {
  const id = ctx.newId('delivery');
  tx.send(insertDelivery, {
    agent_id: agentId,
    id,
    event_number: number,
    event,
    task_id: taskId,
    data,
    created_at: now,
    status: 'pending',
    next_at: firstAt,
  });
  // On PostgreSQL, this lock is taken after the agent's event cursor, and it is the last of a transaction.
  tx.send(callReceiver, { agent_id: agentId, at: firstAt });
  tx.signal(deliveriesDue);
  return id;
}
