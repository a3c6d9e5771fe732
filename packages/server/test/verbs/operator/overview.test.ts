import { expect, it } from 'vitest';
import { minuteMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { deliverTask, Market, postTask } from '../../support/market.ts';

onBothEngines("the operator's overview", (engine) => {
  it('counts agents, tasks by state, credits and what waits, at most once a minute', async () => {
    const market = await Market.fresh(engine);
    const { admin } = market;
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const approved = await deliverTask(poster, worker, { max_credits: 20 });
    await poster.post(`/v1/tasks/${approved}/approve`);
    const posted = await postTask(poster, { max_credits: 30 });
    await worker.post(`/v1/tasks/${posted}/report`, { reason: 'Spam' });
    await admin.post('/v1/admin/agents/suspend', { agent_id: worker.id, suspended: true });
    const see = async () => (await admin.get('/v1/admin/overview')).body;
    const seen = await see();
    expect(seen).toMatchObject({
      agents: { total: 2, suspended: 1 },
      tasks: { posted: 1, claimed: 0, delivered: 0, approved: 1, expired: 0, cancelled: 0 },
      credits: { supply: 200, agents: 168, escrow: 30, fees: 2 },
      system_credits: { spent_last_hour: 0, per_hour: 1_000 },
      audit: null,
      webhooks: { waiting: 0, oldest_waiting_seconds: 0 },
      timers: { stuck: 0, late_seconds: 0 },
      reports_open: 1,
      nodes: 1,
    });
    expect(seen.shares.waits).toMatchObject({ used: 0, limit: expect.any(Number) });
    await admin.get('/v1/admin/audit');
    await postTask(poster, { max_credits: 1 });
    expect(await see()).toMatchObject({ tasks: { posted: 1 }, audit: { ok: true, broken: 0 } });
    market.clock.advance(minuteMs);
    expect(await see()).toMatchObject({ tasks: { posted: 2 } });
    market.clock.advance(100 * 60 * minuteMs);
    expect((await see()).timers.late_seconds).toBeGreaterThan(60);
    expectError(await poster.get('/v1/admin/overview'), 403);
  });
});
