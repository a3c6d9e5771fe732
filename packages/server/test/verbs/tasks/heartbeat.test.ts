import { expect, it } from 'vitest';
import { minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

onBothEngines('heartbeats', (engine) => {
  const cast = async (env: Record<string, string> = {}) => {
    const market = await Market.fresh(engine, env);
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    await market.admin.post('/v1/admin/credits/grant', { agent_id: poster.id, amount: 1_000 });
    return { market, poster, worker };
  };
  const eventsOf = async (agent: Agent, type: string): Promise<Record<string, unknown>[]> =>
    (await agent.get(`/v1/events/history?types=${type}`)).body.events;
  const beat = (worker: Agent, id: string, body: object = {}) => worker.post(`/v1/tasks/${id}/heartbeat`, body);
  const statusOf = async (poster: Agent, id: string) => (await poster.get(`/v1/tasks/${id}`)).body.status;

  it('begin the lease anew, and a lapse puts the task back and tells both sides', async () => {
    const { market, poster, worker } = await cast();
    const id = await claimTask(poster, worker, { heartbeat_minutes: 5 });
    expect((await worker.get(`/v1/tasks/${id}`)).body).toMatchObject({
      heartbeat_minutes: 5,
      heartbeat_deadline: '2030-01-01T00:05:00+00:00',
    });
    market.clock.advance(4 * minuteMs);
    expect((await beat(worker, id, { claim_number: 1 })).body.heartbeat_deadline).toBe('2030-01-01T00:09:00+00:00');
    await market.pass(5 * minuteMs - 1);
    expect(await statusOf(poster, id)).toBe('claimed');
    market.clock.advance(1);
    // From its very second on it is lost, before the clock has run.
    expect((await beat(worker, id)).status).toBe(409);
    expect((await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Late' })).status).toBe(409);
    await market.pass(0);
    const { body } = await poster.get(`/v1/tasks/${id}`);
    expect(body).toMatchObject({ status: 'posted', worker_id: null, heartbeat_minutes: 5, heartbeat_deadline: null });
    for (const agent of [poster, worker]) {
      expect(await eventsOf(agent, 'heartbeat_missed')).toMatchObject([{ task_id: id }]);
    }
    expect((await beat(worker, id)).body.error).toContain('timed out');
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });

  it('are due neither while the delivery waits nor in the grace after a rejection', async () => {
    const { market, poster, worker } = await cast();
    const id = await deliverTask(poster, worker, { heartbeat_minutes: 1 });
    await market.pass(2 * minuteMs);
    expect(await statusOf(poster, id)).toBe('delivered');
    await poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' });
    await market.pass(2 * minuteMs);
    expect((await beat(worker, id, { progress: 90 })).body).toMatchObject({ heartbeat_deadline: null, progress: 90 });
    await market.pass(2 * minuteMs);
    expect(await statusOf(poster, id)).toBe('claimed');
    expect((await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Again' })).status).toBe(200);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });

  it.each([
    [4, 200],
    [5, 429],
  ])('that a lease of %i minutes misses: the next pickup is answered %i', async (heartbeat_minutes, status) => {
    const { market, poster, worker } = await cast({ PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: '1' });
    await claimTask(poster, worker, { heartbeat_minutes });
    await market.pass(heartbeat_minutes * minuteMs);
    expect((await worker.post(`/v1/tasks/${await postTask(poster)}/pickup`)).status).toBe(status);
  });

  it('report progress, of which the poster is told at most every ten seconds', async () => {
    const { market, poster, worker } = await cast();
    const id = await claimTask(poster, worker);
    const { body } = await beat(worker, id, { progress: 10, note: 'Begun' });
    expect(body).toMatchObject({ status: 'claimed', progress: 10, progress_note: 'Begun' });
    expect(body).not.toHaveProperty('heartbeat_deadline');
    await beat(worker, id, { progress: 20 });
    await market.pass(10 * secondMs - 1);
    await beat(worker, id, { progress: 30 });
    expect((await poster.get(`/v1/tasks/${id}`)).body).toMatchObject({ progress: 30, progress_note: 'Begun' });
    market.clock.advance(1);
    expect((await beat(worker, id)).body).toMatchObject({ progress: 30, progress_note: 'Begun' });
    await beat(worker, id, { progress: 40, note: '' });
    expect(await eventsOf(poster, 'task_progress')).toMatchObject([
      { task_id: id, progress: 10, note: 'Begun' },
      { task_id: id, progress: 40, note: '' },
    ]);
    // The next worker begins with nothing done.
    await worker.post(`/v1/tasks/${id}/abandon`);
    expect((await poster.get(`/v1/tasks/${id}`)).body).not.toHaveProperty('progress');
  });

  it('are refused to others, for another claim, and when the task is in another state', async () => {
    const { market, poster, worker } = await cast();
    const id = await claimTask(poster, worker, { heartbeat_minutes: 1 });
    const other = await market.register('other');
    expect((await beat(other, id)).status).toBe(403);
    expect((await beat(poster, id)).status).toBe(403);
    expect((await beat(worker, id, { claim_number: 2 })).body.error).toContain('Claim 2');
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'x' });
    expect((await beat(other, id)).status).toBe(403);
    expect((await beat(worker, id)).body.error).toBe('The task is delivered; only a claimed task can be reported on');
    expect((await beat(worker, 'tk-000000000000')).status).toBe(404);
  });

  it('and the lapse of the lease: one of the two wins, whichever is first', async () => {
    const { market, poster, worker } = await cast();
    for (const first of ['clock', 'heartbeat'] as const) {
      const id = await claimTask(poster, worker, { heartbeat_minutes: 4 });
      market.clock.advance(4 * minuteMs - 1);
      const late = first === 'clock';
      if (late) market.clock.advance(1);
      const [reply] = await Promise.all([beat(worker, id), market.ctx.timers.runDue()]);
      expect([reply.status, await statusOf(poster, id)]).toEqual(late ? [409, 'posted'] : [200, 'claimed']);
    }
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });
});
