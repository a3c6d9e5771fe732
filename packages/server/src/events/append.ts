import type { EventData, EventType } from '@pinchwork/sdk';
import type { Tx } from '../db/database.ts';
import { insertion, prepared } from '../db/prepared.ts';

/** An event about one task, for one agent. */
export type NewEvent = {
  [T in EventType]: { agentId: string; taskId: string; type: T; data: EventData[T] };
}[EventType];

/**
 * Draws the next number of an agent's stream. The row stays locked until the commit, so numbers are given out in the
 * order of the commits and a reader never sees a gap that fills later. It is a table of its own, not a column of
 * `agents`, so that this lock holds up nothing else.
 */
const drawNumber = prepared('drawNumber', (db, p: { agent_id: string }) =>
  db
    .insertInto('event_cursors')
    .values({ agent_id: p.agent_id, last_number: 1 })
    .onConflict((conflict) =>
      conflict.column('agent_id').doUpdateSet((eb) => ({ last_number: eb('event_cursors.last_number', '+', 1) })),
    )
    .returning('last_number'),
);

const insertEvent = insertion('events', 'agent_id', 'number', 'type', 'task_id', 'data', 'created_at');

/**
 * Appends an event to its agent's stream (contract section 8). Call it after every other update of the transaction
 * and, for several agents, in the order of their ids: it takes a lock per agent.
 *
 * @returns the event's number in the agent's stream.
 */
export async function appendEvent(tx: Tx, event: NewEvent, atMs: number): Promise<number> {
  tx.signal(event.agentId);
  const number = (await tx.first(drawNumber, { agent_id: event.agentId }))!.last_number;
  tx.send(insertEvent, {
    agent_id: event.agentId,
    number,
    type: event.type,
    task_id: event.taskId,
    data: JSON.stringify(event.data),
    created_at: atMs,
  });
  return number;
}
