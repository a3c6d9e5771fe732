import { type EventType, eventTypes } from '@pinchwork/sdk/table';
import { prepared } from '../../storage/prepared.ts';

/** Which events go to an agent's webhook (contract section 9). */

/** The types of events in a stored filter. */
export const eventsIn = (filter: string) => filter.split(',') as EventType[];

/** The stored form of a filter. Null, or a list of all types: all events, also of types that do not exist yet. */
export const storedFilter = (types: readonly EventType[] | null) =>
  types === null || types.length === eventTypes.length ? null : types.join(',');

/**
 * Sets the filter of an agent's webhook, from its next event. It takes the lock under which events are numbered, so
 * that each event is clearly before or after the change. `webhook_from` moves along, so that it and the filter say
 * which events must have a delivery.
 */
export const setFilter = prepared('setWebhookFilter', (db, p: { agent_id: string; webhook_events: string | null }) =>
  db
    .insertInto('event_cursors')
    .values({ agent_id: p.agent_id, last_number: 0, webhook_from: null, webhook_events: p.webhook_events })
    .onConflict((conflict) =>
      conflict.column('agent_id').doUpdateSet((eb) => ({
        webhook_events: p.webhook_events,
        webhook_from: eb
          .case()
          .when('event_cursors.webhook_from', 'is not', null)
          .then(eb('event_cursors.last_number', '+', 1))
          .end(),
      })),
    ),
);
