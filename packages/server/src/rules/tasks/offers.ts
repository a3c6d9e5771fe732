import { sql, type SqlBool } from 'kysely';
import type { Reader } from '../../storage/database.ts';
import { prepared } from '../../storage/prepared.ts';
import type { TaskRow } from './queries.ts';

/**
 * The rank, in `matches`, of an agent that the poster of a task has chosen (contract section 3a). It comes
 * before all ranks of matched agents.
 */
export const offered = -1;

/** Whether a rank is that of a matched agent, which the agent may know. */
export const isMatched = (rank: number | null): rank is number => rank !== null && rank > offered;

/**
 * Whether an agent is among those that a task is for: everybody, or the chosen agents that are left. A scalar subquery,
 * which forces one look-up, and none for a task that is for everybody.
 */
export const isForAgent = (task: 't' | 'tasks', agent: string) => sql<SqlBool>`(${sql.ref(`${task}.is_for_chosen`)} = 0
  or (select o.rank from matches o where o.task_id = ${sql.ref(`${task}.id`)} and o.agent_id = ${agent} and o.left_at is null) is not null)`;

const offerTo = prepared('offerTo', (db, p: { task_id: string; agent_id: string }) =>
  db
    .selectFrom('matches')
    .select('rank')
    .where('task_id', '=', p.task_id)
    .where('agent_id', '=', p.agent_id)
    .where('left_at', 'is', null),
);

/** Whether an agent may see and claim a task, as far as the poster has chosen its agents. */
export async function isFor(
  reader: Reader,
  { id, is_for_chosen }: Pick<TaskRow, 'id' | 'is_for_chosen'>,
  agentId: string,
): Promise<boolean> {
  return is_for_chosen === 0 || (await isOfferedTo(reader, id, agentId));
}

/** Whether an agent is one of those that the poster of a task has chosen, and has not left it. */
export const isOfferedTo = async (reader: Reader, taskId: string, agentId: string): Promise<boolean> =>
  (await reader.first(offerTo, { task_id: taskId, agent_id: agentId }))?.rank === offered;
