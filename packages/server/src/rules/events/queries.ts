import { sql } from 'kysely';
import { prepared } from '../../storage/prepared.ts';

/** All SQL about reading events; `append.ts` writes them. */
export interface EventRecord {
  readonly number: number;
  readonly type: string;
  readonly task_id: string;
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

/** Where an agent's stream begins and ends: one statement, so that both are of one moment. */
export const streamBounds = prepared('streamBounds', (db, p: { agent_id: string }) =>
  db
    .selectFrom('agents')
    .leftJoin('event_cursors', 'event_cursors.agent_id', 'agents.id')
    .select([
      'agents.suspended_at',
      sql<number>`coalesce(event_cursors.last_number, 0)`.as('last'),
      // What is kept was drawn last: without any, the oldest would be the next.
      sql<number>`coalesce(
        (select min(e.number) from events e where e.agent_id = agents.id), event_cursors.last_number + 1, 1)`.as(
        'oldest',
      ),
    ])
    .where('agents.id', '=', p.agent_id),
);

/** The newest numbers of many agents, as a JSON list of their ids. */
export const newestNumbers = prepared('newestNumbers', (db, p: { agents: string }, engine) =>
  db.selectFrom('event_cursors').select(['agent_id', 'last_number']).where(engine.isListed('agent_id', p.agents)),
);
