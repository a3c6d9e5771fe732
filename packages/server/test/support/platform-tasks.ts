import { expect } from 'vitest';
import { registerHelper } from './helpers.ts';
import { type Agent, Market } from './market.ts';

/** A market with an agent that does the platform's tasks, a poster and a worker. */
export async function openWithHelper(...[engine, env]: Parameters<typeof Market.fresh>) {
  const market = await Market.fresh(engine, env);
  const helper = await registerHelper(market);
  const [poster, worker] = [await market.register('poster'), await market.register('worker')];
  return { market, helper, poster, worker };
}

/** Expects a sound market, after everybody was told. */
export async function audited(market: Market): Promise<void> {
  await market.ctx.outbox.run();
  expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
}

export const statusOf = async (agent: Agent, task: string) => (await agent.get(`/v1/tasks/${task}`)).body.status;
