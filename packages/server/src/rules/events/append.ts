import {
  type AccountEvents,
  type EventData,
  type EventRule,
  events,
  type EventType,
  eventTypes,
} from '@pinchwork/sdk/table';
import type { Work } from '../../storage/ground.ts';
import { insertion, prepared } from '../../storage/prepared.ts';
import { enqueueDelivery } from '../webhooks/enqueue.ts';
import { eventsIn } from '../webhooks/filter.ts';

/** An event for one agent, about one task or about its account. */
export type NewEvent = {
  [T in EventType]: {
    agentId: string;
    taskId: T extends keyof AccountEvents ? null : string;
    type: T;
    data: EventData[T];
  };
}[EventType];

/**
 * Draws the next number of an agent's stream, and returns which events also go to a webhook. The row stays
 * locked until the commit. So numbers are given out in the order of the commits, and a reader never sees a gap that
 * fills later. It is a table of its own, not a column of `agents`, so that this lock delays nothing else.
 */
const drawNumber = prepared(
  'drawNumber',
  (db, p: { agent_id: string }) =>
    db
      .insertInto('event_cursors')
      .values({ agent_id: p.agent_id, last_number: 1 })
      .onConflict((conflict) =>
        conflict.column('agent_id').doUpdateSet((eb) => ({ last_number: eb('event_cursors.last_number', '+', 1) })),
      )
      .returning(['last_number', 'webhook_from', 'webhook_events']),
  { key: 'agent_id' },
);

const insertEvent = insertion('events', 'agent_id', 'number', 'type', 'task_id', 'data', 'created_at');

const insertToldText = insertion('told_texts', 'task_id', 'agent_id', 'number');

const ruleOf = (type: EventType): EventRule => events[type];

const withTexts: ReadonlySet<EventType> = new Set(eventTypes.filter((type) => ruleOf(type).texts !== undefined));

/**
 * Appends an event to its agent's stream (contract section 8) and, if the agent has a webhook for such events, adds a
 * webhook delivery. Call it after all other updates of the transaction, and for several agents in the order of their ids,
 * because it locks a row per agent.
 *
 * @returns the event's number in the agent's stream.
 */
export async function appendEvent(work: Work, event: NewEvent): Promise<number> {
  const { tx, now } = work;
  tx.signal(event.agentId);
  const drawn = await tx.one(drawNumber, { agent_id: event.agentId });
  const { last_number: number, webhook_from: from, webhook_events: filter } = drawn;
  const data = JSON.stringify(event.data);
  tx.send(insertEvent, {
    agent_id: event.agentId,
    number,
    type: event.type,
    task_id: event.taskId,
    data,
    created_at: now,
  });
  if (event.taskId !== null && withTexts.has(event.type)) {
    tx.send(insertToldText, { task_id: event.taskId, agent_id: event.agentId, number });
  }
  if (from !== null && (filter === null || eventsIn(filter).includes(event.type))) {
    enqueueDelivery(work, { agentId: event.agentId, number, event: event.type, taskId: event.taskId, data });
  }
  return number;
}
