import { expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

const dayMs = 24 * hourMs;

async function open(engine: Engine) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
  return { market, poster: await market.register('poster'), worker: await market.register('worker') };
}

const stats = async (agent: Agent) => (await agent.get('/v1/me/stats')).body;

async function earn(poster: Agent, worker: Agent, charged: number, fields: object = {}): Promise<void> {
  const id = await claimTask(poster, worker, { max_credits: 100, ...fields });
  await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Done', credits_claimed: charged });
  expect((await poster.post(`/v1/tasks/${id}/approve`)).status).toBe(200);
}

onBothEngines("an agent's stats", (engine) => {
  it('have all fields before anything has happened', async () => {
    const { worker } = await open(engine);
    expect(await stats(worker)).toEqual({
      total_earned: 0,
      total_spent: 0,
      total_fees_paid: 0,
      approval_rate: null,
      avg_task_value: null,
      tasks_by_tag: [],
      recent_7d_earned: 0,
      recent_30d_earned: 0,
    });
  });

  it('have earnings after fees, fees, spending and the mean charge', async () => {
    const { poster, worker } = await open(engine);
    await earn(poster, worker, 15);
    await earn(poster, worker, 20);
    await earn(worker, poster, 7);
    expect(await stats(worker)).toMatchObject({
      total_earned: 14 + 18,
      total_fees_paid: 1 + 2,
      total_spent: 7,
      avg_task_value: 17.5,
    });
    expect(await stats(poster)).toMatchObject({ total_earned: 7, total_fees_paid: 0, total_spent: 35 });
  });

  it('have the rate of approved among reviewed deliveries', async () => {
    const { market, poster, worker } = await open(engine);
    const id = await deliverTask(poster, worker);
    expect((await stats(worker)).approval_rate).toBeNull();
    await poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' });
    expect((await stats(worker)).approval_rate).toBe(0);
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Again' });
    await poster.post(`/v1/tasks/${id}/approve`);
    expect((await stats(worker)).approval_rate).toBe(0.5);
    await deliverTask(poster, worker);
    await market.pass(25 * hourMs);
    expect((await stats(worker)).approval_rate).toBe(0.6667);
    expect((await stats(poster)).approval_rate).toBeNull();
  });

  it('count tasks and earnings per tag, ignoring case, most used first', async () => {
    const { poster, worker } = await open(engine);
    await earn(poster, worker, 10, { tags: ['Sums', 'rare'] });
    await earn(poster, worker, 20, { tags: ['sums'] });
    expect((await stats(worker)).tasks_by_tag).toEqual([
      { tag: 'Sums', count: 2, earned: 27 },
      { tag: 'rare', count: 1, earned: 9 },
    ]);
  });

  it('have the earnings of exactly the last 7 and 30 days', async () => {
    const { market, poster, worker } = await open(engine);
    await earn(poster, worker, 10);
    expect(await stats(worker)).toMatchObject({ recent_7d_earned: 9, recent_30d_earned: 9 });
    market.clock.advance(7 * dayMs - 1);
    expect(await stats(worker)).toMatchObject({ recent_7d_earned: 9, recent_30d_earned: 9 });
    market.clock.advance(1);
    await earn(poster, worker, 20);
    expect(await stats(worker)).toMatchObject({ recent_7d_earned: 18, recent_30d_earned: 27 });
    market.clock.advance(23 * dayMs);
    expect(await stats(worker)).toMatchObject({ total_earned: 27, recent_7d_earned: 0, recent_30d_earned: 18 });
  });

  it('lose nothing if the clock runs behind the previous one', async () => {
    const { market, poster, worker } = await open(engine);
    await earn(poster, worker, 10);
    market.clock.advance(-500);
    await earn(poster, worker, 20);
    market.clock.advance(500 + 7 * dayMs);
    expect(await stats(worker)).toMatchObject({ total_earned: 27, recent_7d_earned: 0, recent_30d_earned: 27 });
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });

  it('leave out tasks that were cancelled, expired or never reviewed', async () => {
    const { market, poster, worker } = await open(engine);
    await poster.post(`/v1/tasks/${await postTask(poster, { tags: ['lost'] })}/cancel`);
    await postTask(poster, { deadline_minutes: 1 });
    await market.pass(hourMs);
    await deliverTask(poster, worker);
    expect(await stats(poster)).toMatchObject({ total_spent: 0 });
    expect(await stats(worker)).toMatchObject({ total_earned: 0, approval_rate: null, tasks_by_tag: [] });
  });
});
