import { expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { open, expectClean, dispute, statusOf, rule, answerAll } from '../../support/dispute-cast.ts';
import { disputeTask, rejectTask, seated, verdict } from '../../support/disputes.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, claimTask, deliverTask } from '../../support/market.ts';

onBothEngines('a rejection', (engine) => {
  it('is disputed by its worker alone, in its grace, and nothing else moves the task then', async () => {
    const { market, poster, worker, judges } = await open(engine, 1);
    const claimed = await claimTask(poster, worker);
    expectError(await dispute(worker, claimed), 409);
    const delivered = await deliverTask(poster, worker);
    expectError(await dispute(worker, delivered), 409);
    const task = await rejectTask(poster, worker);
    expectError(await dispute(poster, task), 403);
    expectError(await dispute(judges[0]!, task), 403);
    expectError(await dispute(worker, 'tk-000000000000'), 404);
    expectError(await worker.post(`/v1/tasks/${task}/dispute`, {}), 400);
    expect((await dispute(worker, task)).status).toBe(201);
    expectError(await dispute(worker, task), 409);
    for (const reply of [
      await poster.post(`/v1/tasks/${task}/cancel`),
      await poster.post(`/v1/tasks/${task}/reject`, { reason: 'No' }),
      await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Eight' }),
      await judges[0]!.post(`/v1/tasks/${task}/pickup`),
    ]) {
      expectError(reply, 409);
    }
    await market.pass(71 * hourMs);
    expect(await statusOf(worker, task)).toBe('disputed');
    const late = await rejectTask(poster, worker);
    market.clock.advance(5 * minuteMs);
    expectError(await dispute(worker, late), 409);
    await market.pass(0);
    expectError(await dispute(worker, late), 409);
    await expectClean(market);
  });

  it('takes a deposit of a tenth, which counts in escrow and in what the key may hold in a day', async () => {
    const { market, poster, worker } = await open(engine, 0, { PINCHWORK_INITIAL_CREDITS: '100' });
    const rich = await market.register('rich');
    await market.admin.post('/v1/admin/credits/grant', { agent_id: rich.id, amount: 10_000 });
    for (const [max_credits, deposit] of [
      [1, 1],
      [9, 1],
      [39, 3],
    ] as const) {
      const task = await rejectTask(poster, worker, { max_credits });
      const reply = await dispute(worker, task);
      expect(reply.body).toMatchObject({ deposit, status: 'disputed', task_id: task });
      expect((await worker.get('/v1/me/credits')).body).toMatchObject({ balance: 100 - deposit, escrowed: deposit });
      expect((await worker.get('/v1/me/credits')).body.ledger[0]).toMatchObject({
        amount: -deposit,
        reason: 'dispute_deposit',
        task_id: task,
      });
      await worker.post(`/v1/tasks/${task}/abandon`);
      expect((await worker.get('/v1/me/credits')).body).toMatchObject({ balance: 100, escrowed: 0 });
    }
    const dear = await rejectTask(rich, worker, { max_credits: 1_010 });
    expect((await dispute(worker, dear)).body).toMatchObject({ code: 'insufficient_credits' });
    expect(await statusOf(worker, dear)).toBe('claimed');
    const keyed = async (budget: object) => {
      const { body } = await worker.post('/v1/me/keys', { name: 'small', scopes: ['work'], ...budget });
      return market.client(worker.id, body.api_key);
    };
    const cheap = await rejectTask(rich, worker, { max_credits: 300 });
    const day = await dispute(await keyed({ max_credits_per_day: 29 }), cheap);
    expect([day.status, day.body.code]).toEqual([402, 'budget_exceeded']);
    const small = await keyed({ max_credits_per_task: 1, max_credits_per_day: 30 });
    expect((await dispute(small, cheap)).status).toBe(201);
    const next = await rejectTask(rich, worker, { max_credits: 10 });
    expect((await dispute(small, next)).body.code).toBe('budget_exceeded');
    await expectClean(market);
  });

  it('is disputed at most three times at once, however the requests come', async () => {
    const { market, poster, worker } = await open(engine, 0);
    const tasks = await Promise.all(Array.from({ length: 5 }, () => rejectTask(poster, worker, { max_credits: 50 })));
    const replies = await Promise.all(tasks.map((task) => dispute(worker, task)));
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 201, 201, 429, 429]);
    const refused = replies.findIndex(({ status }) => status === 429);
    expect(replies[refused]!.body.code).toBe('too_many_disputes');
    expect(replies[refused]!.headers['retry-after']).toBeUndefined();
    const accepted = tasks[replies.findIndex(({ status }) => status === 201)]!;
    await worker.post(`/v1/tasks/${accepted}/abandon`);
    expect((await dispute(worker, tasks[refused]!)).status).toBe(201);
    await expectClean(market);
  });
});

onBothEngines('the judges decide', (engine) => {
  it('once all have answered, or from half of the time on once half have', async () => {
    const cast = await open(engine);
    const { market, judges, worker } = cast;
    const [first, second, third] = judges as [Agent, Agent, Agent];
    const early = await disputeTask(market, cast);
    await answerAll(market, [first, second], [60, 80]);
    expect(await statusOf(worker, early.task)).toBe('disputed');
    await market.pass(36 * hourMs - 1);
    expect(await statusOf(worker, early.task)).toBe('disputed');
    await market.pass(1_000);
    expect((await worker.get(`/v1/tasks/${early.task}`)).body).toMatchObject({
      status: 'approved',
      credits_charged: 70,
    });
    const late = await disputeTask(market, cast);
    await answerAll(market, [third], [10]);
    await market.pass(37 * hourMs);
    expect(await statusOf(worker, late.task)).toBe('disputed');
    // The other two seats were drawn again, and nobody else is eligible: the operator has heard of it.
    expect((await market.admin.get('/v1/admin/disputes?status=open')).body.disputes[0].waits_since).not.toBeNull();
    await expectClean(market);
  });

  it('with answers that come after the end paid, and without effect', async () => {
    const cast = await open(engine);
    const { market, judges, worker } = cast;
    const { task, dispute: id } = await disputeTask(market, cast);
    const seats = await seated(judges);
    expect(seats).toHaveLength(3);
    await rule(market, id, 40);
    for (const { judge: agent, seat } of seats) {
      expect((await agent.post(`/v1/tasks/${seat}/deliver`, { result: verdict(100) })).status).toBe(200);
      expect(await market.balanceOf(agent)).toBe(1_005);
    }
    await market.pass(0);
    expect((await worker.get(`/v1/tasks/${task}`)).body).toMatchObject({ credits_charged: 40 });
    await expectClean(market);
  });

  it('of a wrong answer nothing is taken, and the seat stays', async () => {
    const cast = await open(engine, 1);
    await disputeTask(cast.market, cast);
    const [{ judge: agent, seat }] = (await seated(cast.judges)) as [{ judge: Agent; seat: string }];
    for (const wrong of [
      '80',
      '{"worker_share": 101, "explanation": ""}',
      '{"worker_share": 0.5, "explanation": ""}',
      '{}',
    ]) {
      expectError(await agent.post(`/v1/tasks/${seat}/deliver`, { result: wrong }), 400);
    }
    expect((await agent.post(`/v1/tasks/${seat}/deliver`, { worker_share: 10, explanation: 'Bare' })).status).toBe(200);
    await expectClean(cast.market);
  });
});

onBothEngines('a task without judges', (engine) => {
  it.each([
    ['is too cheap', { PINCHWORK_DISPUTE_JUDGES: '3' }, 19],
    ['or the market has none', { PINCHWORK_DISPUTE_JUDGES: '0' }, 100],
    ['or no agents for system tasks', { PINCHWORK_INFRA_AGENTS: 'off' }, 100],
  ])('%s: the operator rules', async (_, env, max_credits) => {
    const cast = await open(engine, 3, env);
    const { dispute: id } = await disputeTask(cast.market, cast, { max_credits });
    expect(await seated(cast.judges)).toEqual([]);
    const { body } = await cast.market.admin.get(`/v1/admin/disputes/${id}`);
    expect(body.dispute).toMatchObject({ status: 'open', judges: 0, answers: 0 });
    expect(body.dispute.waits_since).not.toBeNull();
    expect(body.deliveries).toMatchObject([{ result: 'Seven', rejection_reason: 'No' }]);
    expect((await rule(cast.market, id, 100)).body).toMatchObject({ status: 'ruled', credits: max_credits });
    const { body: log } = await cast.market.admin.get('/v1/admin/log');
    expect(log.actions[0]).toMatchObject({ action: 'rule_dispute', subject: id });
    await expectClean(cast.market);
  });
});

onBothEngines('a task that a ruling paid', (engine) => {
  it('moves no trust and no rate, and is rated by both, once each', async () => {
    const cast = await open(engine);
    const { market, poster, worker, judges } = cast;
    const { task } = await disputeTask(market, cast);
    const trust = (await poster.get('/v1/me/trust')).body.trust_scores;
    await answerAll(market, judges, [80, 80, 80]);
    expect((await poster.get('/v1/me/trust')).body.trust_scores).toEqual(trust);
    expect((await worker.get('/v1/me/stats')).body).toMatchObject({ approval_rate: 0, total_earned: 72 });
    for (const agent of [poster, worker]) {
      expect((await agent.post(`/v1/tasks/${task}/rate`, { rating: 2 })).status).toBe(201);
      expectError(await agent.post(`/v1/tasks/${task}/rate`, { rating: 2 }), 409);
    }
    expect((await market.admin.get(`/v1/agents/${worker.id}`)).body).toMatchObject({ reputation: 2, rating_count: 1 });
    expect((await market.admin.get(`/v1/agents/${poster.id}`)).body).toMatchObject({ reputation: 2, rating_count: 1 });
    await expectClean(market);
  });

  it('of whose ratings that of a poster that approved itself is refused', async () => {
    const { market, poster, worker } = await open(engine, 0);
    const task = await deliverTask(poster, worker);
    await poster.post(`/v1/tasks/${task}/approve`);
    expectError(await poster.post(`/v1/tasks/${task}/rate`, { rating: 2 }), 403);
    const timed = await deliverTask(poster, worker);
    await market.pass(25 * hourMs);
    expect((await poster.post(`/v1/tasks/${timed}/rate`, { rating: 5 })).status).toBe(201);
    await expectClean(market);
  });
});
