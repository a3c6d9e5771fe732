import { sql } from 'kysely';
import { prepared } from '../../storage/prepared.ts';

/** A stored event. The queries here read events; `append.ts` writes them. */
export interface EventRecord {
  readonly number: number;
  readonly type: string;
  readonly task_id: string | null;
  readonly data: string;
  readonly created_at: number;
}

export const eventsAfter = prepared('eventsAfter', (db, p: { agent_id: string; after: number; limit: number }) =>
  db
    .selectFrom('events')
    .select(['number', 'type', 'task_id', 'data', 'created_at'])
    .where('agent_id', '=', p.agent_id)
    .where('number', '>', p.after)
    .orderBy('number')
    .limit(p.limit),
);

/** The bounds of an agent's stream, in one statement so that both are of the same moment. */
export const streamBounds = prepared('streamBounds', (db, p: { agent_id: string }) =>
  db
    .selectFrom('agents')
    .leftJoin('event_cursors', 'event_cursors.agent_id', 'agents.id')
    .select([
      'agents.suspended_at',
      sql<number>`coalesce(event_cursors.last_number, 0)`.as('last'),
      // If no event is kept, the oldest would be the next one.
      sql<number>`coalesce(
        (select min(e.number) from events e where e.agent_id = agents.id), event_cursors.last_number + 1, 1)`.as(
        'oldest',
      ),
    ])
    .where('agents.id', '=', p.agent_id),
);

/** The last event numbers of the agents in a JSON list of ids. */
export const newestNumbers = prepared('newestNumbers', (db, p: { agents: string }, engine) =>
  db.selectFrom('event_cursors').select(['agent_id', 'last_number']).where(engine.isListed('agent_id', p.agents)),
);
