import type { DeliveryStatus, FannedEventType, WebhookStatus } from '@pinchwork/sdk/table';
import type { Generated, GeneratedAlways } from 'kysely';
import type { A2aVersion } from '../../ground/a2a.ts';

/** Events with a numbering per agent, events that are not fanned out yet, and webhooks. */
export interface EventTables {
  event_cursors: EventCursorsTable;
  events: EventsTable;
  told_texts: ToldTextsTable;
  outbox: OutboxTable;
  webhook_deliveries: WebhookDeliveriesTable;
  webhook_receivers: WebhookReceiversTable;
  webhook_hosts: WebhookHostsTable;
  webhook_requests: WebhookRequestsTable;
  push_configs: PushConfigsTable;
}

interface EventCursorsTable {
  agent_id: string;
  last_number: number;
  /**
   * Events from this number on go to the agent's webhook. Null: it has none. In the same row as the last number, so
   * that one lock covers both.
   */
  webhook_from: number | null;
  /** The types of events that go to the webhook, joined by commas. Null: all. */
  webhook_events: Generated<string | null>;
}

interface EventsTable {
  agent_id: string;
  number: number;
  type: string;
  /** Null where the event is about no task. */
  task_id: string | null;
  data: string;
  created_at: number;
}

/** The events with texts in their data, by task, so that the texts can be removed (`rules/texts/`). */
interface ToldTextsTable {
  task_id: string;
  agent_id: string;
  number: number;
}

/** Events for all agents matched to a task, which are told to one agent after the other (`rules/events/outbox.ts`). */
interface OutboxTable {
  id: string;
  task_id: string;
  type: FannedEventType;
  /** JSON object. */
  data: string;
  created_at: number;
  /** Agents with ids up to this one have been told. */
  told_upto: Generated<string>;
}

/**
 * Webhook deliveries: one row per event and webhook. The row holds all that is sent, so that the event may be pruned.
 */
interface WebhookDeliveriesTable {
  agent_id: string;
  id: string;
  /** The event's number in the agent's stream. Null: a test delivery. */
  event_number: number | null;
  event: string;
  task_id: string | null;
  /** The data of the event, JSON. */
  data: string;
  /** When the event happened. */
  created_at: number;
  status: DeliveryStatus;
  /** Attempts since the delivery was created or last repeated on request. */
  tries: Generated<number>;
  /** When the next attempt is due. Null: there is none. */
  next_at: number | null;
  /** When the ended delivery is deleted. */
  forget_at: number | null;
  /** JSON list of the latest attempts. */
  attempts: Generated<string>;
}

/** When an agent's webhook is served next, and which server holds its lease. */
interface WebhookReceiversTable {
  agent_id: string;
  /** The due time of its first waiting delivery, or earlier. Null: no delivery waits. */
  due_at: number | null;
  /** The receiver asked for no requests before this time. */
  rest_until: Generated<number>;
  /** The end of the current lease. The server can extend or release it. */
  leased_until: Generated<number>;
  leased_by: Generated<string | null>;
  /** 1: the last attempt failed or was slow. */
  failing: Generated<number>;
  /** `unconfirmed` and `paused` receivers are held: they get only tests. */
  status: Generated<WebhookStatus>;
  /** When the receiver came to this status. */
  since: Generated<number>;
  /** Deliveries that ended dead since the last one that was accepted. */
  dead_in_row: Generated<number>;
  /** The delivery that tests a held receiver. Null: it is tested no more, or not held. */
  probe_id: Generated<string | null>;
  /** The latest of the three times above. The database derives it. */
  ready_at: GeneratedAlways<number | null>;
}

/** The hosts and addresses that webhooks were sent to lately. Its row is locked while a request to it is counted. */
interface WebhookHostsTable {
  host: string;
  /** The time that the last request in the queue of this host waits for. */
  queue_at: Generated<number>;
  used_at: number;
}

/** How many requests a host or address got of an agent in a second. Kept for two minutes. */
interface WebhookRequestsTable {
  host: string;
  /** In seconds since 1970. */
  second: number;
  agent_id: string;
  count: number;
}

/**
 * Webhooks of one task (A2A's push notification configurations). Its queue is the history of the task: the transitions
 * after `told_version` are still to be told.
 */
interface PushConfigsTable {
  task_id: string;
  /** The client's name of it, one of the task's. */
  name: string;
  /** The poster of the task. */
  agent_id: string;
  /** The budget of the key that set it, which the rotations of that key share. It ends with the last of them. */
  budget_id: string;
  /** The version of A2A that its notifications are written in. */
  a2a_version: A2aVersion;
  url: string;
  /** The client's own secret, sent with each notification. */
  token: string | null;
  /** The two parts of the header `Authorization` of each notification. Null: there is none. */
  auth_scheme: string | null;
  auth_credentials: string | null;
  /** The transition that was told last. */
  told_version: number;
  /** An `unconfirmed` one gets the state of its task until it has answered with 2xx. */
  status: Exclude<WebhookStatus, 'paused'>;
  /** When it came to this status. */
  since: number;
  /** Attempts of the current notification. */
  tries: Generated<number>;
  /** When the next attempt is due. Null: there is nothing to tell. */
  due_at: number | null;
  leased_until: Generated<number>;
  leased_by: Generated<string | null>;
  /** 1: the last attempt failed or was slow. */
  failing: Generated<number>;
  /** When it is deleted. Null: its task is open, or not all of it was told. */
  forget_at: Generated<number | null>;
  /** The later of `due_at` and the end of the lease. The database derives it. */
  ready_at: GeneratedAlways<number | null>;
}
