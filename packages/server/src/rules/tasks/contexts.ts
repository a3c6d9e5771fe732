import { sql } from 'kysely';
import { counting, prepared } from '../../storage/prepared.ts';

/** A conversation of A2A: a client names the one that its tasks belong to, and lists them by it. */
interface Named {
  readonly agentId: string;
  readonly contextId: string | undefined;
}

/** What is stored of a conversation: agents that choose the same name do not share it. Null: none was named. */
export const contextKey = ({ agentId, contextId }: Named): string | null =>
  contextId === undefined ? null : `${agentId} ${contextId}`;

/** The name in a stored key, for the poster's client. */
export const contextIdIn = (key: string | null): string | undefined => key?.slice(key.indexOf(' ') + 1);

/** The newest tasks of a conversation before an id. Ids sort by time. */
export const contextPage = prepared('contextPage', (db, p: { context_key: string; before: string; limit: number }) =>
  db
    .selectFrom('task_terms')
    .select('task_id as id')
    .where('context_key', '=', p.context_key)
    .where('task_id', '<', p.before)
    .orderBy('task_id', 'desc')
    .limit(p.limit),
);

/** The number of tasks in a conversation, up to a limit. */
export const countContext = counting('countContext', (db, p: { context_key: string }) =>
  db.selectFrom('task_terms').select('task_id').where('context_key', '=', p.context_key),
);

/** What A2A shows of a task besides its fields: when its state last changed, its conversation, and its poster. */
export const a2aFacts = prepared('a2aFacts', (db, p: { id: string }) =>
  db
    .selectFrom('tasks')
    .innerJoin('task_transitions as h', (join) =>
      join.onRef('h.task_id', '=', 'tasks.id').onRef('h.version', '=', 'tasks.version'),
    )
    .select(['h.at', 'tasks.poster_id', 'tasks.created_at'])
    .select(
      sql<string | null>`(select context_key from task_terms where task_terms.task_id = tasks.id)`.as('context_key'),
    )
    .where('tasks.id', '=', p.id),
);
