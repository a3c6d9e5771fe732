import { expect } from 'vitest';
import { judge, registerJudges } from './disputes.ts';
import type { Engine } from './engines.ts';
import { type Agent, Market } from './market.ts';

/** A market with the parties of disputes and its judges. */
export interface Cast {
  readonly market: Market;
  readonly poster: Agent;
  readonly worker: Agent;
  readonly judges: Agent[];
}

export async function open(engine: Engine, judges = 3, env: Record<string, string> = {}): Promise<Cast> {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000', ...env });
  const [poster, worker] = [await market.register('poster'), await market.register('worker')];
  return { market, poster, worker, judges: await registerJudges(market, judges) };
}

export async function expectClean({ admin }: Market): Promise<void> {
  expect((await admin.get('/v1/admin/audit')).body.broken).toEqual([]);
}

export const dispute = (worker: Agent, task: string) =>
  worker.post(`/v1/tasks/${task}/dispute`, { reason: 'It is right' });
export const statusOf = async (agent: Agent, task: string): Promise<string> =>
  (await agent.get(`/v1/tasks/${task}`)).body.status;
export const rule = (market: Market, id: string, worker_share: number) =>
  market.admin.post(`/v1/admin/disputes/${id}`, { worker_share, note: 'So be it' });
export const lost = async (market: Market, { id }: Agent): Promise<number> =>
  (await market.admin.get(`/v1/agents/${id}`)).body.disputes_lost;
export const eventsOf = async (agent: Agent): Promise<string[]> =>
  (await agent.get('/v1/events/history')).body.events.map(({ type }: { type: string }) => type);
export const answerAll = async (market: Market, judges: readonly Agent[], shares: readonly number[]): Promise<void> => {
  for (const [i, share] of shares.entries()) expect((await judge(judges[i]!, share)).status).toBe(200);
  await market.pass(0);
};
