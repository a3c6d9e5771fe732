import { limits } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import type { Reader } from '../../storage/database.ts';
import { counting, fitted, listed, type Params, perShape, prepared } from '../../storage/prepared.ts';

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

/** Sizes of the statements for a list of ids. */
const idCounts = [1, 5, limits.pageSize] as const;

const factsByIds = perShape((count: number) =>
  prepared(`a2aFactsOf${count}Tasks`, (db, p: Params) =>
    db
      .selectFrom('tasks')
      .select(['tasks.id', 'tasks.poster_id'])
      // Subqueries, because for a join PostgreSQL may read the whole history.
      .select([
        sql<number>`(select at from task_transitions h where h.task_id = tasks.id and h.version = tasks.version)`.as(
          'at',
        ),
        sql<string | null>`(select context_key from task_terms where task_terms.task_id = tasks.id)`.as('context_key'),
      ])
      .where('tasks.id', 'in', listed(p, 'id', count)),
  ),
);

/** What A2A shows of a task besides its fields: when its state last changed, its conversation, and its poster. */
interface A2aFacts {
  readonly at: number;
  readonly poster_id: string;
  readonly context_key: string | null;
}

/** The conversation of a task as an agent sees it: its name is the poster's own, and others see that of the task. */
export const contextFor = (
  agentId: string,
  taskId: string,
  facts: Pick<A2aFacts, 'poster_id' | 'context_key'> | undefined,
) => (facts?.poster_id === agentId ? contextIdIn(facts.context_key) : undefined) ?? taskId;

/** Reads what A2A shows of the tasks of a page. Returns it by their ids. */
export async function readA2aFacts(reader: Reader, ids: readonly string[]): Promise<ReadonlyMap<string, A2aFacts>> {
  if (ids.length === 0) return new Map();
  const { size, params } = fitted(idCounts, 'id', ids);
  return new Map((await reader.all(factsByIds(size), params)).map((row) => [row.id, row]));
}
