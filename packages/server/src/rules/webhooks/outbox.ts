import type { Work } from '../../storage/ground.ts';
import { callEndpoint, insertDelivery } from './queries.ts';

/** What a delivery tells of. */
interface Told {
  readonly agentId: string;
  /** The event's number; null for a test. */
  readonly number: number | null;
  readonly event: string;
  readonly taskId: string | null;
  /** JSON. */
  readonly data: string;
}

/** Signals the deliverer that a delivery, or an endpoint, may be due. */
export const deliveriesDue = Symbol('deliveries due');

/**
 * Puts an event into the outbox, in the event's own transaction, so that one is never without the other. The row holds
 * all that is sent: events are pruned, and a delivery must outlive its event.
 *
 * @param firstAt when the first attempt is due.
 * @returns the delivery's id.
 */
export function putIntoOutbox(
  { ctx, tx, now }: Work,
  { agentId, number, event, taskId, data }: Told,
  firstAt = now,
): string {
  const id = ctx.newId('delivery');
  tx.send(insertDelivery, {
    ...{ agent_id: agentId, id, event_number: number, event, task_id: taskId, data, created_at: now },
    ...{ status: 'pending', next_at: firstAt },
  });
  // On PostgreSQL this lock comes after that of the agent's cursor, and nothing is locked after it.
  tx.send(callEndpoint, { agent_id: agentId, at: firstAt });
  tx.signal(deliveriesDue);
  return id;
}
