import { DomainError, invalid } from '../../ground/errors.ts';
import type { Reader } from '../../storage/database.ts';
import type { Work } from '../../storage/ground.ts';
import { listed, listParams, type Params, perShape, prepared } from '../../storage/prepared.ts';
import { tellMatched } from '../events/outbox.ts';
import { offered } from '../tasks/offers.ts';
import type { RecordedTask } from '../tasks/queries.ts';
import { readActive } from './matcher.ts';

/** Tasks for chosen agents (contract section 3a): the agents are rows of `matches`. */

const setForChosen = prepared('setForChosen', (db, p: { id: string; match_count: number }) =>
  db.updateTable('tasks').set({ is_for_chosen: 1, match_count: p.match_count }).where('id', '=', p.id),
);

const insertOffers = perShape((count: number) =>
  prepared(`insert${count}Offers`, (db, p: { task_id: string; created_at: number } & Params) =>
    db.insertInto('matches').values(
      listed(p, 'agent', count).map((agent_id) => ({
        task_id: p.task_id,
        agent_id,
        rank: offered,
        task_created_at: p.created_at,
        on_board: 1,
      })),
    ),
  ),
);

/**
 * Checks that a poster may choose these agents.
 *
 * @throws DomainError `invalid_request` if one of them is unknown, suspended, deleted, or the poster itself.
 */
export async function checkChosen(reader: Reader, posterId: string, agents: readonly string[]): Promise<void> {
  if (agents.includes(posterId)) throw unfit("must not have your own id: nobody can do one's own task");
  const active = new Set((await readActive(reader, agents)).map(({ id }) => id));
  const missing = agents.find((id) => !active.has(id));
  if (missing !== undefined) throw unfit(`has an id that no active agent has: ${missing.slice(0, 50)}`);
}

const unfit = (problem: string): DomainError =>
  invalid(`for_agents: ${problem}`, 'GET /v1/agents lists the agents with their ids.');

/**
 * Makes a new task one for chosen agents, and sends each of them `task_offered` after the commit.
 *
 * @returns the task as it is now.
 */
export function offerTask(work: Work, task: RecordedTask, agents: readonly string[]): RecordedTask {
  const { tx } = work;
  const match_count = agents.length;
  tx.send(setForChosen, { id: task.id, match_count });
  tx.send(insertOffers(match_count), {
    task_id: task.id,
    created_at: task.created_at,
    ...listParams('agent', agents),
  });
  tellMatched(work, task.id, 'task_offered', {});
  return { ...task, is_for_chosen: 1, match_count };
}
