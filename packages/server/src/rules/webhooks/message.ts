import { wireTime } from '../../ground/clock.ts';
import type { DeliveryRow } from './queries.ts';
import type { Message } from './sender.ts';
import { deliveryHeaders } from './signature.ts';

/** The HTTP message of a delivery (contract section 9). Its body is the same in each attempt. */
export function messageOf(row: DeliveryRow, url: string, secret: string | null, now: number): Message {
  const body = JSON.stringify({
    event: row.event,
    task_id: row.task_id,
    data: JSON.parse(row.data) as object,
    timestamp: wireTime(row.created_at),
  });
  const number = row.event_number === null ? {} : { 'x-pinchwork-event-number': String(row.event_number) };
  return { url, body, headers: { ...deliveryHeaders(row.id, now, body, secret), ...number } };
}
