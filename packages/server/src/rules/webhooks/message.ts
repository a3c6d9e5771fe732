import { platformId } from '@pinchwork/sdk/table';
import { storedFields } from '../../ground/stored.ts';
import { wireTime } from '../../ground/clock.ts';
import { operatorBody } from './operator.ts';
import type { DeliveryRow } from './queries.ts';
import type { Message } from './sender.ts';
import { deliveryHeaders } from './signature.ts';

/** The HTTP message of a delivery (contract section 9). Its body is the same in each attempt. */
export function messageOf(row: DeliveryRow, url: string, secret: string | null, now: number): Message {
  const data = storedFields(row.data);
  const body =
    row.agent_id === platformId
      ? operatorBody(row.event, data, row.created_at)
      : JSON.stringify({ event: row.event, task_id: row.task_id, data, timestamp: wireTime(row.created_at) });
  const number = row.event_number === null ? {} : { 'x-pinchwork-event-number': String(row.event_number) };
  return { url, body, headers: { ...deliveryHeaders(row.id, now, body, secret), ...number } };
}
