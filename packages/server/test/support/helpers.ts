import { type Agent, type Market, type Reply } from './market.ts';

/** An agent that accepts platform tasks, and that the operator has named for them. */
export async function registerHelper(market: Market, name = 'helper'): Promise<Agent> {
  const helper = await market.register(name, { accepts_system_tasks: true });
  await nameHelper(market, helper);
  return helper;
}

/** Names an agent for system tasks, as the operator. */
export async function nameHelper({ admin }: Market, agent: Agent, accepts_system_tasks = true): Promise<void> {
  const { status, text } = await admin.post(`/v1/admin/agents/${agent.id}`, { accepts_system_tasks });
  if (status !== 200) throw new Error(`The operator was answered ${status}: ${text}`);
}

export const answers = {
  match: (ranked: readonly Pick<Agent, 'id'>[] = [], tags: readonly string[] = []) =>
    JSON.stringify({ ranked_agents: ranked.map(({ id }) => id), extracted_tags: tags }),
  verify: (meets = true) => JSON.stringify({ meets_requirements: meets, explanation: 'It says so' }),
  extract: (tags: readonly string[]) => JSON.stringify({ agent_id: 'ag-000000000000', tags }),
};

/** Picks up the next task and says what it is. */
export async function pickUp(helper: Agent): Promise<Reply & { task: string }> {
  const reply = await helper.post('/v1/tasks/pickup');
  if (reply.status !== 200) throw new Error(`Pickup answered ${reply.status}: ${reply.text}`);
  return { ...reply, task: reply.body.task_id as string };
}

/** Picks up the platform's next task and answers it. */
export async function answer(helper: Agent, result: string): Promise<Reply> {
  const { task, body } = await pickUp(helper);
  if (body.poster_id !== 'ag-platform') throw new Error(`${task} is not one of the platform's own tasks`);
  const reply = await helper.post(`/v1/tasks/${task}/deliver`, { result });
  if (reply.status !== 200) throw new Error(`The answer was answered ${reply.status}: ${reply.text}`);
  return reply;
}

/** Settings under which the platform buys as many of its own tasks as a test wants. */
export const generous = {
  PINCHWORK_INITIAL_CREDITS: '100000',
  PINCHWORK_SYSTEM_TASKS_PER_POSTER_PER_DAY: '10000',
  PINCHWORK_SYSTEM_CREDITS_PER_HOUR: 'off',
};

/** An agent with these capabilities, which the helper reads out of its `good_at`. Nothing else may wait for the helper. */
export async function registerCapable(
  market: Market,
  helper: Agent,
  tags: readonly string[],
  goodAt = 'What its tags say',
): Promise<Agent> {
  const agent = await market.register('capable', { good_at: goodAt });
  await answer(helper, answers.extract(tags));
  return agent;
}
