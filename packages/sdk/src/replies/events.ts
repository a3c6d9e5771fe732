import { z } from 'zod';
import { eventTypes, resetType } from '../events.ts';
import { pageFields } from '../fields.ts';
import { count, time } from './values.ts';

/** The fields of every event in a stream; those of its type are added (contract section 8). */
export const EventMessage = z.looseObject({
  type: z.enum([...eventTypes, resetType]),
  /** Null where the event is about no task. */
  task_id: z.string().nullable(),
  timestamp: time,
});
export const EventRow = EventMessage.extend({ id: count });
export const EventHistoryResponse = z.object({
  events: z.array(EventRow),
  /** The position to continue from. */
  next: count,
  /** Whether there are more events after it already. */
  more: z.boolean(),
  /** Whether events after `after` are missing: they are no longer kept, or `after` is not a position of this stream. */
  reset: z.boolean(),
  /** The oldest event that is kept; null if none is. */
  oldest: count.nullable(),
  /** The newest event of the stream; 0 before the first. */
  newest: count,
  next_cursor: z.string().nullable(),
});

/** The states of a webhook delivery (contract section 9). */
export const deliveryStatuses = ['pending', 'delivered', 'dead'] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** One attempt to send a delivery. */
export const WebhookAttempt = z.object({
  at: time,
  status_code: z.number().int().nullable(),
  duration_ms: count,
  error: z.string().nullable(),
});

export const DeliveryResponse = z.object({
  id: z.string(),
  event: z.string(),
  event_number: count.nullable(),
  task_id: z.string().nullable(),
  status: z.enum(deliveryStatuses),
  created_at: time,
  next_attempt_at: time.nullable(),
  /** The latest, oldest first. */
  attempts: z.array(WebhookAttempt),
});
export const DeliveriesResponse = z.object({ deliveries: z.array(DeliveryResponse), ...pageFields });
export type EventMessage = z.infer<typeof EventMessage>;
export type EventRow = z.infer<typeof EventRow>;
export type EventHistoryResponse = z.infer<typeof EventHistoryResponse>;
export type WebhookAttempt = z.infer<typeof WebhookAttempt>;
export type DeliveryResponse = z.infer<typeof DeliveryResponse>;
export type DeliveriesResponse = z.infer<typeof DeliveriesResponse>;
