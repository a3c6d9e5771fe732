import { expect, it } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { type Cast, eventsIn, openCast } from '../../support/cast.ts';
import { onBothEngines } from '../../support/engines.ts';
import { type Agent, deliverTask, postTask } from '../../support/market.ts';

onBothEngines('a rejection', (engine) => {
  const eventsOf = ({ market }: Cast, agent: Agent) => eventsIn(engine, market, agent);
  const cast = (env: Record<string, string> = {}) => openCast(engine, env);

  it('keeps a rejected delivery as evidence but does not show it', async () => {
    const { market, poster, worker } = await cast();
    const id = await deliverTask(poster, worker);
    const { body } = await poster.post(`/v1/tasks/${id}/reject`, { reason: 'Wrong', feedback: 'Count again' });
    expect(body).toMatchObject({
      status: 'claimed',
      worker_id: worker.id,
      result: null,
      credits_charged: null,
      rejection_reason: 'Wrong',
      rejection_feedback: 'Count again',
      rejection_count: 1,
      rejection_grace_deadline: '2030-01-01T00:05:00+00:00',
    });
    const evidence = await engine.query(
      market.url,
      'select result, reason, feedback, worker_id from rejected_deliveries',
    );
    expect(evidence).toEqual([{ result: 'Seven', reason: 'Wrong', feedback: 'Count again', worker_id: worker.id }]);
  });

  it('takes no delivery after the third rejection of a claim, and the task is back when the longer grace ends', async () => {
    const all = await cast();
    const { market, poster, worker, other } = all;
    const id = await deliverTask(poster, worker);
    const reject = async () => (await poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' })).body;
    for (const deliveries_left of [2, 1]) {
      expect(await reject()).toMatchObject({
        status: 'claimed',
        deliveries_left,
        rejection_grace_deadline: '2030-01-01T00:05:00+00:00',
      });
      const { body } = await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Again' });
      expect(body).not.toHaveProperty('deliveries_left');
    }
    expect(await reject()).toMatchObject({
      status: 'claimed',
      worker_id: worker.id,
      rejection_count: 3,
      deliveries_left: 0,
      rejection_grace_deadline: '2030-01-01T01:00:00+00:00',
    });
    expect((await eventsOf(all, worker)).map(([, , data]) => data)).toMatchObject([
      { deliveries_left: 2 },
      { deliveries_left: 1 },
      { deliveries_left: 0, grace_deadline: '2030-01-01T01:00:00+00:00' },
    ]);
    const late = await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Once more' });
    expect([late.status, late.body.error]).toEqual([409, expect.stringContaining('can deliver no more')]);
    await market.pass(hourMs - 1);
    expect((await poster.get(`/v1/tasks/${id}`)).body).toMatchObject({ status: 'claimed' });
    await market.pass(1);
    const { body } = await poster.get(`/v1/tasks/${id}`);
    expect(body).toMatchObject({ status: 'posted', worker_id: null, rejection_count: 3, claim_deadline: null });
    expect(body).not.toHaveProperty('deliveries_left');
    expect((await worker.get(`/v1/tasks/${id}`)).status).toBe(404);
    expect((await other.get('/v1/tasks/available')).body.tasks[0]).toMatchObject({ task_id: id, rejection_count: 3 });
    await other.post(`/v1/tasks/${id}/pickup`);
    await other.post(`/v1/tasks/${id}/deliver`, { result: 'Mine' });
    expect(await reject()).toMatchObject({ status: 'claimed', rejection_count: 4, deliveries_left: 2 });
  });

  it('lets a worker give up after the last rejection, which counts for nothing', async () => {
    const { market, poster, worker } = await cast({
      PINCHWORK_MAX_REJECTIONS: '1',
      PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: '1',
      PINCHWORK_DISPUTE_WINDOW_MINUTES: '2',
    });
    const id = await deliverTask(poster, worker);
    const { body } = await poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' });
    // The usual grace is longer than the shortest one of a last rejection.
    expect(body).toMatchObject({ deliveries_left: 0, rejection_grace_deadline: '2030-01-01T00:05:00+00:00' });
    market.clock.advance(minuteMs);
    expect((await worker.post(`/v1/tasks/${id}/abandon`)).body).toMatchObject({ status: 'posted', worker_id: null });
    expect((await worker.post(`/v1/tasks/${id}/pickup`)).status).toBe(200);
  });

  it("gives the task's own grace, and shows it on the board", async () => {
    const { market, poster, worker } = await cast({ PINCHWORK_MAX_REJECTIONS: '2' });
    const id = await postTask(poster, { grace_minutes: 90, max_credits: 5 });
    const plain = await postTask(poster, { max_credits: 5 });
    const { tasks } = (await worker.get('/v1/tasks/available')).body;
    expect(tasks.map(({ grace_minutes }: { grace_minutes?: number }) => grace_minutes)).toEqual([90, undefined]);
    expect((await worker.get(`/v1/tasks/available/${id}`)).body.grace_minutes).toBe(90);
    expect((await worker.post(`/v1/tasks/${id}/pickup`)).body.grace_minutes).toBe(90);
    expect((await worker.post(`/v1/tasks/${plain}/pickup`)).body).not.toHaveProperty('grace_minutes');
    for (const grace of ['01:30', '01:31']) {
      await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Seven' });
      expect((await poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' })).body).toMatchObject({
        grace_minutes: 90,
        rejection_grace_deadline: `2030-01-01T${grace}:00+00:00`,
      });
      market.clock.advance(minuteMs);
    }
    const mine = (await poster.get('/v1/tasks/mine')).body.tasks;
    expect(mine.map(({ grace_minutes }: { grace_minutes?: number }) => grace_minutes)).toEqual([undefined, 90]);
  });

  it.each(['open', 'suspended'] as const)(
    'never gives a task again to a worker that its poster excluded (%s worker)',
    async (standing) => {
      const { market, poster, worker, other } = await cast();
      const id = await deliverTask(poster, worker, { tags: ['words'] });
      const suspend = (suspended: boolean) =>
        market.admin.post('/v1/admin/agents/suspend', { agent_id: worker.id, suspended });
      if (standing === 'suspended') await suspend(true);
      const { body } = await poster.post(`/v1/tasks/${id}/reject`, { reason: 'Copied', exclude: true });
      expect(body).toMatchObject(
        standing === 'open'
          ? { status: 'claimed', deliveries_left: 0, rejection_grace_deadline: '2030-01-01T01:00:00+00:00' }
          : { status: 'posted', rejection_grace_deadline: null },
      );
      if (standing === 'suspended') await suspend(false);
      else {
        expect((await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Mine' })).status).toBe(409);
        await market.pass(hourMs);
      }
      market.clock.advance(25 * hourMs);
      expect((await worker.get('/v1/tasks/available')).body.tasks).toEqual([]);
      expect((await worker.get('/v1/tasks/available?tags=words')).body.tasks).toEqual([]);
      expect((await worker.get(`/v1/tasks/available/${id}`)).status).toBe(404);
      expect((await worker.post('/v1/tasks/pickup')).status).toBe(204);
      const byId = await worker.post(`/v1/tasks/${id}/pickup`);
      expect([byId.status, byId.body.error]).toEqual([409, expect.stringContaining('excluded')]);
      expect((await other.post('/v1/tasks/pickup')).body).toMatchObject({ task_id: id });
      expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
    },
  );

  it('removes at a rejection the deadlines before the end of its grace', async () => {
    const { market, poster, worker } = await cast();
    const early = await deliverTask(poster, worker, { max_credits: 5, deadline_minutes: 4, claim_timeout_minutes: 4 });
    const late = await deliverTask(poster, worker, { max_credits: 5, deadline_minutes: 6, claim_timeout_minutes: 6 });
    market.clock.advance(30 * secondMs);
    expect((await poster.post(`/v1/tasks/${early}/reject`, { reason: 'No' })).body).toMatchObject({
      deadline: null,
      claim_deadline: null,
    });
    expect((await poster.post(`/v1/tasks/${late}/reject`, { reason: 'No' })).body).toMatchObject({
      deadline: '2030-01-01T00:06:00+00:00',
      claim_deadline: '2030-01-01T00:06:00+00:00',
    });
  });

  it.each(['deadline_minutes', 'claim_timeout_minutes'])(
    'keeps a deadline at a rejection if it is exactly at the end of the grace (%s)',
    async (field) => {
      const { market, poster, worker } = await cast();
      const shown = field === 'deadline_minutes' ? 'deadline' : 'claim_deadline';
      const [exact, before] = [
        await deliverTask(poster, worker, { max_credits: 5, [field]: 6 }),
        await deliverTask(poster, worker, { max_credits: 5, [field]: 6 }),
      ];
      market.clock.advance(minuteMs);
      const { body } = await poster.post(`/v1/tasks/${exact}/reject`, { reason: 'No' });
      expect(body[shown]).toBe('2030-01-01T00:06:00+00:00');
      expect(body.rejection_grace_deadline).toBe('2030-01-01T00:06:00+00:00');
      market.clock.advance(1);
      expect((await poster.post(`/v1/tasks/${before}/reject`, { reason: 'No' })).body[shown]).toBeNull();
      // Two are due at the same time: the task's deadline precedes the claim's, which precedes the grace.
      market.clock.advance(5 * minuteMs - 2);
      expect((await worker.post(`/v1/tasks/${exact}/messages`, { message: 'Half done' })).status).toBe(201);
      await market.pass(1);
      expect((await poster.get(`/v1/tasks/${exact}`)).body.status).toBe('posted');
      const [last] = await engine.query(
        market.url,
        `select transition from task_transitions where task_id = '${exact}' order by version desc limit 1`,
      );
      expect(last!.transition).toBe(field === 'deadline_minutes' ? 'loseToDeadline' : 'timeOutClaim');
      expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
    },
  );
});
