import type { Engine } from './engines.ts';
import type { Agent, Market } from './market.ts';

const idsOf = (tasks: { task_id: string }[]) => tasks.map(({ task_id }) => task_id);

/** The ids of one page of an agent's board, in its order. */
export async function browse(agent: Agent, query = 'limit=100'): Promise<string[]> {
  const { status, body, text } = await agent.get(`/v1/tasks/available?${query}`);
  if (status !== 200) throw new Error(`The board answered ${status}: ${text}`);
  return idsOf(body.tasks);
}

/** Reads an agent's board to its end by its cursors. */
export async function browseAll(agent: Agent, query: string): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor = ''; ;) {
    const { status, body, text } = await agent.get(`/v1/tasks/available?${query}${cursor}`);
    if (status !== 200) throw new Error(`The board answered ${status}: ${text}`);
    ids.push(...idsOf(body.tasks));
    if (body.next_cursor === null) return ids;
    cursor = `&cursor=${body.next_cursor}`;
  }
}

/** Picks up tasks until none is left. @returns the tasks in pickup order. */
export async function drain(agent: Agent): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const { status, body, text } = await agent.post('/v1/tasks/pickup');
    if (status === 204) return ids;
    if (status !== 200) throw new Error(`Pickup answered ${status}: ${text}`);
    ids.push(body.task_id);
  }
}

/** Removes all matches, so that every agent may pick up any task on the board. */
export const forgetMatches = (engine: Engine, { url }: Market) =>
  engine.vandalise(url, 'delete from matches', 'update tasks set match_count = 0, held_until = null');

/** Makes agents have approved work, as the matcher sees it. The audit finds no task of theirs. */
export const approveWorkOf = (engine: Engine, { url }: Market, agents: readonly Agent[]) =>
  engine.vandalise(
    url,
    `update agents set deliveries_approved = 1 where id in (${agents.map(({ id }) => `'${id}'`).join(', ')})`,
  );
