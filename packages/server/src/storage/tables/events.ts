import type { DeliveryStatus, FannedEventType } from '@pinchwork/sdk';
import type { Generated, GeneratedAlways } from 'kysely';

/** Events in each agent's own numbering, those still to be told, and the webhooks that carry them. */
export interface EventTables {
  event_cursors: EventCursorsTable;
  events: EventsTable;
  outbox: OutboxTable;
  webhook_deliveries: WebhookDeliveriesTable;
  webhook_endpoints: WebhookEndpointsTable;
}

interface EventCursorsTable {
  agent_id: string;
  last_number: number;
  /** Events from this number on go to the agent's webhook; null: it has none. Beside the number, so that one lock covers both. */
  webhook_from: number | null;
}

interface EventsTable {
  agent_id: string;
  number: number;
  type: string;
  task_id: string;
  data: string;
  created_at: number;
}

/** Events for all agents chosen for a task, still to be told one by one (`rules/events/outbox.ts`). */
interface OutboxTable {
  id: string;
  task_id: string;
  type: FannedEventType;
  /** JSON object. */
  data: string;
  created_at: number;
  /** The agents up to this id have been told. */
  told_upto: Generated<string>;
}

/** The outbox: a row for each event and webhook, which holds all that is sent, so that the event may be pruned. */
interface WebhookDeliveriesTable {
  agent_id: string;
  id: string;
  /** The event's number in the agent's stream; null: a test. */
  event_number: number | null;
  event: string;
  task_id: string | null;
  /** JSON, as the event has it. */
  data: string;
  /** When the event happened. */
  created_at: number;
  status: DeliveryStatus;
  /** Attempts since it was made, or last asked for again. */
  tries: Generated<number>;
  /** When the next attempt is due, while there is one to come. */
  next_at: number | null;
  /** Until when it is kept, once it has ended. */
  forget_at: number | null;
  /** JSON list of the latest attempts. */
  attempts: Generated<string>;
}

/** When an agent's webhook is to be served, and by which server. */
interface WebhookEndpointsTable {
  agent_id: string;
  /** When its first waiting delivery is due, or earlier; null: nothing waits. */
  due_at: number | null;
  /** The receiver has asked to be left alone until then. */
  rest_until: Generated<number>;
  /** A server serves it until then, unless it says otherwise before. */
  leased_until: Generated<number>;
  leased_by: Generated<string | null>;
  /** 1: its last attempt failed, or was slow. */
  failing: Generated<number>;
  /** The latest of the three times; the database derives it. */
  ready_at: GeneratedAlways<number | null>;
}
