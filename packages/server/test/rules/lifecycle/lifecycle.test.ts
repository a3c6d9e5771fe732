import { expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { type Cast, eventsIn, openCast } from '../../support/cast.ts';
import { onBothEngines } from '../../support/engines.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

onBothEngines('the life of a task', (engine) => {
  const eventsOf = ({ market }: Cast, agent: Agent) => eventsIn(engine, market, agent);
  const cast = (env: Record<string, string> = {}) => openCast(engine, env);

  it('pays the worker minus the fee and returns the rest', async () => {
    const { market, poster, worker } = await cast();
    const id = await claimTask(poster, worker, { max_credits: 55 });
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Seven', credits_claimed: 39 });
    const { status, body } = await poster.post(`/v1/tasks/${id}/approve`, { rating: 4 });
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'approved', result: 'Seven', credits_charged: 39 });
    expect(await market.balanceOf(poster)).toBe(100 - 39);
    expect(await market.balanceOf(worker)).toBe(100 + 39 - 3);
    expect((await worker.get('/v1/me')).body).toMatchObject({ reputation: 4, tasks_completed: 1, credits: 136 });
    expect((await poster.get('/v1/me')).body).toMatchObject({ reputation: 0, tasks_posted: 1 });
  });

  it('holds the price while the task is open, and the ledger shows every movement', async () => {
    const { poster, worker } = await cast();
    const id = await deliverTask(poster, worker, { max_credits: 40 });
    expect((await poster.get('/v1/me/credits')).body).toMatchObject({ balance: 60, escrowed: 40 });
    await poster.post(`/v1/tasks/${id}/approve`);
    const { body } = await poster.get('/v1/me/credits');
    expect(body).toMatchObject({ balance: 60, escrowed: 0, total: 2, next_cursor: null });
    expect(
      body.ledger.map(({ amount, reason, task_id }: Record<string, unknown>) => [amount, reason, task_id]),
    ).toEqual([
      [-40, 'escrow', id],
      [100, 'signup_bonus', null],
    ]);
    const earned = (await worker.get('/v1/me/credits')).body.ledger[0];
    expect(earned).toMatchObject({
      amount: 36,
      reason: 'payment',
      task_id: id,
      id: expect.stringMatching(/^le-\w{12}$/),
    });
  });

  it('takes the fee that was in force when the task was posted', async () => {
    const { market, poster, worker } = await cast({ PINCHWORK_PLATFORM_FEE_PERCENT: '12.5' });
    const id = await deliverTask(poster, worker, { max_credits: 100 });
    await market.close();
    const later = await Market.open(market.url, { PINCHWORK_PLATFORM_FEE_PERCENT: '50' }, market.clock);
    try {
      await later.client(poster.id, poster.key).post(`/v1/tasks/${id}/approve`);
      expect(await later.balanceOf(later.client(worker.id, worker.key))).toBe(100 + 88);
    } finally {
      await later.close();
    }
  });

  it('refuses a task that the poster cannot pay, and changes nothing', async () => {
    const { market, poster } = await cast();
    const { status, body } = await poster.post('/v1/tasks', { need: 'Too dear', max_credits: 101 });
    expect(status).toBe(402);
    expect(body).toMatchObject({ code: 'insufficient_credits', error: expect.stringContaining('101') });
    expect(await market.balanceOf(poster)).toBe(100);
    expect((await poster.get('/v1/tasks/mine')).body).toMatchObject({ tasks: [], total: 0 });
  });

  it('sends each party an event for each transition, numbered without gaps', async () => {
    const all = await cast();
    const { poster, worker } = all;
    const id = await deliverTask(poster, worker, { max_credits: 10 });
    await poster.post(`/v1/tasks/${id}/reject`, { reason: 'Short', feedback: 'Say more' });
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Seven words' });
    await poster.post(`/v1/tasks/${id}/approve`, { rating: 5 });
    expect(await eventsOf(all, poster)).toEqual([
      [1, 'task_claimed', { worker_id: worker.id }],
      [2, 'task_delivered', { worker_id: worker.id }],
      [3, 'task_delivered', { worker_id: worker.id }],
    ]);
    const grace = '2030-01-01T00:05:00+00:00';
    expect(await eventsOf(all, worker)).toEqual([
      [
        1,
        'task_rejected',
        { reason: 'Short', feedback: 'Say more', grace_deadline: grace, rejection_count: 1, deliveries_left: 2 },
      ],
      [2, 'task_approved', { credits: 10, rating: 5 }],
    ]);
  });

  it('shows a delivery and its price to both parties while it waits for its review', async () => {
    const { poster, worker } = await cast();
    const id = await claimTask(poster, worker, { max_credits: 5 });
    expect((await poster.get(`/v1/tasks/${id}`)).body).toMatchObject({ result: null, credits_charged: null });
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Seven', credits_claimed: 4 });
    for (const party of [poster, worker]) {
      const { body } = await party.get(`/v1/tasks/${id}`);
      expect(body).toMatchObject({ status: 'delivered', result: 'Seven', credits_charged: 4 });
    }
  });

  it('never applies a late request about an older claim to a newer one', async () => {
    const { market, poster, worker } = await cast();
    const id = await claimTask(poster, worker, { claim_timeout_minutes: 1 });
    await market.pass(minuteMs);
    expect((await worker.post(`/v1/tasks/${id}/pickup`)).body).toMatchObject({ claim_number: 2 });
    const late = await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Late', claim_number: 1 });
    expect(late).toMatchObject({ status: 409, body: { error: expect.stringContaining('Claim 1') } });
    expect((await worker.post(`/v1/tasks/${id}/abandon`, { claim_number: 1 })).status).toBe(409);
    expect((await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Timely', claim_number: 2 })).status).toBe(200);
  });

  it.each([
    ['posted', 'cancel', 'poster', { deadline_minutes: 1 }, minuteMs],
    ['posted', 'pickup', 'worker', { deadline_minutes: 1 }, minuteMs],
    ['posted', 'pickup', 'worker', {}, 72 * hourMs],
    ['claimed', 'deliver', 'worker', { deadline_minutes: 1 }, minuteMs],
    ['claimed', 'deliver', 'worker', { claim_timeout_minutes: 1 }, minuteMs],
    ['claimed', 'abandon', 'worker', {}, 24 * hourMs],
    ['delivered', 'approve', 'poster', { review_timeout_minutes: 1 }, minuteMs],
    ['delivered', 'reject', 'poster', {}, 24 * hourMs],
  ] as const)(
    'a deadline ends the state of a %s task exactly on time: %s by its %s %o',
    async (...[state, verb, role, fields, after]) => {
      const all = await cast();
      const { market, poster, worker } = all;
      const make = { posted: postTask, claimed: claimTask, delivered: deliverTask }[state];
      const body = { result: 'x', reason: 'x' };
      const early = await (state === 'posted' ? postTask(poster, fields) : make(poster, worker, fields));
      const due = await (state === 'posted' ? postTask(poster, fields) : make(poster, worker, fields));
      market.clock.advance(after - 1);
      expect((await all[role].post(`/v1/tasks/${early}/${verb}`, body)).status).toBe(200);
      market.clock.advance(1);
      const refused = await all[role].post(`/v1/tasks/${due}/${verb}`, body);
      expect(refused).toMatchObject({ status: 409, body: { code: 'conflict' } });
      // The stored state is shown until the clock's pass, which carries out what is due.
      expect((await poster.get(`/v1/tasks/${due}`)).body.status).toBe(state);
      await market.ctx.timers.runDue();
      expect((await poster.get(`/v1/tasks/${due}`)).body.status).not.toBe(state);
    },
  );

  it('tells a worker that its claim has timed out, and a stranger that it is not the worker', async () => {
    const { market, poster, worker, other } = await cast();
    const id = await claimTask(poster, worker, { claim_timeout_minutes: 1 });
    await market.pass(minuteMs);
    expect((await worker.post(`/v1/tasks/${id}/deliver`, { result: 'x' })).status).toBe(409);
    expect((await other.post(`/v1/tasks/${id}/deliver`, { result: 'x' })).status).toBe(403);
    await other.post(`/v1/tasks/${id}/pickup`);
    expect((await worker.post(`/v1/tasks/${id}/deliver`, { result: 'x' })).status).toBe(403);
    await other.post(`/v1/tasks/${id}/abandon`);
    expect((await worker.post(`/v1/tasks/${id}/deliver`, { result: 'x' })).status).toBe(403);
    expect((await other.post(`/v1/tasks/${id}/deliver`, { result: 'x' })).status).toBe(403);
  });

  it('checks the role before the state, except for abandon', async () => {
    const { poster, worker, other } = await cast();
    const id = await deliverTask(poster, worker);
    expect((await other.post(`/v1/tasks/${id}/cancel`)).status).toBe(403);
    expect((await other.post(`/v1/tasks/${id}/approve`)).status).toBe(403);
    expect((await worker.post(`/v1/tasks/${id}/reject`, { reason: 'x' })).status).toBe(403);
    expect((await other.post(`/v1/tasks/${id}/deliver`, { result: 'x' })).status).toBe(403);
    expect((await other.post(`/v1/tasks/${id}/abandon`)).status).toBe(409);
    expect((await poster.post(`/v1/tasks/${id}/cancel`)).status).toBe(409);
    expect((await poster.post(`/v1/tasks/${id}/pickup`)).body.error).toContain('own task');
  });

  it('is visible to its parties only', async () => {
    const { poster, worker, other } = await cast();
    const id = await claimTask(poster, worker);
    expect((await poster.get(`/v1/tasks/${id}`)).status).toBe(200);
    expect((await worker.get(`/v1/tasks/${id}`)).status).toBe(200);
    expect(await other.get(`/v1/tasks/${id}`)).toMatchObject({ status: 404, body: { error: 'Task not found' } });
    await worker.post(`/v1/tasks/${id}/abandon`);
    expect((await worker.get(`/v1/tasks/${id}`)).status).toBe(404);
  });

  it('has a row of history for each transition', async () => {
    const { market, poster, worker } = await cast();
    const id = await claimTask(poster, worker, { claim_timeout_minutes: 1 });
    await market.pass(minuteMs);
    await poster.post(`/v1/tasks/${id}/cancel`);
    const rows = await engine.query(
      market.url,
      `select transition, from_status, to_status, actor_id, worker_id from task_transitions where task_id = '${id}' order by version`,
    );
    expect(rows.map((row) => Object.values(row))).toEqual([
      ['post', null, 'posted', poster.id, null],
      ['claim', 'posted', 'claimed', worker.id, worker.id],
      ['timeOutClaim', 'claimed', 'posted', null, worker.id],
      ['cancel', 'posted', 'cancelled', poster.id, null],
    ]);
  });
});
