import { expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answer, answers, generous, pickUp, registerHelper } from '../../support/helpers.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

async function open(engine: Engine) {
  const market = await Market.fresh(engine, generous);
  return {
    market,
    poster: await market.register('poster'),
    worker: await market.register('worker'),
    other: await market.register('other'),
  };
}

const cancel = (market: Market, id: string) =>
  market.admin.post(`/v1/admin/tasks/${id}/cancel`, { reason: 'Stolen data' });
const eventsOf = async (agent: Agent, type: string) =>
  (await agent.get(`/v1/events/history?after=0&types=${type}`)).body.events;
const cleanAudit = async ({ admin }: Market) =>
  expect((await admin.get('/v1/admin/audit')).body).toMatchObject({ broken: [] });

const makers = { posted: postTask, claimed: claimTask, delivered: deliverTask };

onBothEngines("the operator's cancel", (engine) => {
  it('ends a task in every open state, refunds it, tells both parties why, and is in the log', async () => {
    const { market, poster, worker } = await open(engine);
    for (const [state, make] of Object.entries(makers)) {
      const id = await make(poster, worker);
      const wait = worker.get(`/v1/tasks/${id}?wait=60`);
      const { status, body } = await cancel(market, id);
      expect(status).toBe(200);
      expect(body).toEqual({ task_id: id, status: 'cancelled', reason: 'Stolen data', refunded: 50 });
      expect(await market.balanceOf(poster)).toBe(100_000);
      expect((await poster.get(`/v1/tasks/${id}`)).body).toMatchObject({ status: 'cancelled', result: null });
      expectError(await wait, 404);
      const told = { type: 'task_cancelled', task_id: id, reason: 'Stolen data' };
      expect((await eventsOf(poster, 'task_cancelled')).at(-1)).toMatchObject(told);
      const workers = await eventsOf(worker, 'task_cancelled');
      if (state === 'posted') expect(workers).toEqual([]);
      else expect(workers.at(-1)).toMatchObject(told);
      expect((await market.admin.get('/v1/admin/log?limit=1')).body.actions[0]).toMatchObject({
        action: 'cancel_task',
        subject: id,
        before: { status: state, worker_id: state === 'posted' ? null : worker.id },
        after: { status: 'cancelled', refunded: 50, reason: 'Stolen data' },
      });
    }
    await cleanAudit(market);
  });

  it('tells the matched agents of a posted task, and drops the check of a delivery', async () => {
    const { market, poster, worker } = await open(engine);
    const helper = await registerHelper(market);
    const posted = await postTask(poster);
    await answer(helper, answers.match([worker]));
    await market.ctx.outbox.run();
    await cancel(market, posted);
    await market.ctx.outbox.run();
    expect(await eventsOf(worker, 'task_cancelled')).toMatchObject([{ task_id: posted, reason: 'Stolen data' }]);
    // An own cancel has no reason of the operator.
    const own = await postTask(poster);
    await answer(helper, answers.match([worker]));
    await market.ctx.outbox.run();
    await poster.post(`/v1/tasks/${own}/cancel`);
    await market.ctx.outbox.run();
    expect((await eventsOf(worker, 'task_cancelled')).at(-1)).toMatchObject({ task_id: own, reason: null });
    // A matched task that was claimed: the worker hears of it once, as its worker.
    const claimed = await postTask(poster);
    await answer(helper, answers.match([worker]));
    await worker.post(`/v1/tasks/${claimed}/pickup`);
    await worker.post(`/v1/tasks/${claimed}/deliver`, { result: 'Four' });
    const check = await pickUp(helper);
    await cancel(market, claimed);
    const late = await worker.post(`/v1/tasks/${claimed}/deliver`, { result: 'Late' });
    expect(expectError(late, 409)).toBe('The operator has cancelled this task, and your claim with it');
    await market.ctx.outbox.run();
    expect(
      (await eventsOf(worker, 'task_cancelled')).filter(({ task_id }: { task_id: string }) => task_id === claimed),
    ).toHaveLength(1);
    expect((await helper.post(`/v1/tasks/${check.task}/deliver`, { result: answers.verify() })).status).toBe(200);
    await cleanAudit(market);
  });

  it('is refused for a task that has ended or that the clock is about to move, for an unknown one, and without a reason', async () => {
    const { market, poster, worker } = await open(engine);
    const ended = await deliverTask(poster, worker);
    await poster.post(`/v1/tasks/${ended}/approve`);
    expect(expectError(await cancel(market, ended), 409)).toBe(
      'The task is approved; only a posted, claimed, delivered or disputed task can be cancelled',
    );
    const due = await postTask(poster);
    market.clock.advance(73 * hourMs);
    expectError(await cancel(market, due), 409);
    await market.pass(1);
    expectError(await cancel(market, 'tk-000000000000'), 404);
    expectError(await market.admin.post(`/v1/admin/tasks/${await postTask(poster)}/cancel`, {}), 400);
    const helper = await registerHelper(market);
    await postTask(poster);
    expectError(await cancel(market, (await pickUp(helper)).task), 409);
  });

  it('and any other change of the task at the same moment have one winner, and exact credits', async () => {
    const { market, poster, worker, other } = await open(engine);
    const asked = { question: 'Why?' };
    const rivals: [keyof typeof makers, (id: string) => Promise<unknown>][] = [
      ['posted', (id) => poster.post(`/v1/tasks/${id}/cancel`)],
      ['posted', (id) => worker.post(`/v1/tasks/${id}/pickup`)],
      ['posted', () => worker.post('/v1/tasks/pickup')],
      ['posted', (id) => other.post(`/v1/tasks/${id}/questions`, asked)],
      ['claimed', (id) => worker.post(`/v1/tasks/${id}/deliver`, { result: 'Four' })],
      ['claimed', (id) => worker.post(`/v1/tasks/${id}/abandon`)],
      ['claimed', (id) => poster.post(`/v1/tasks/${id}/messages`, { message: 'Hm' })],
      ['delivered', (id) => poster.post(`/v1/tasks/${id}/approve`, { rating: 5 })],
      ['delivered', (id) => poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' })],
      ...Object.keys(makers).map((state): [keyof typeof makers, (id: string) => Promise<unknown>] => [
        state as keyof typeof makers,
        (id) => market.admin.post(`/v1/admin/tasks/${id}/redact`, { reason: 'Private' }),
      ]),
      ...Object.keys(makers).map((state): [keyof typeof makers, (id: string) => Promise<unknown>] => [
        state as keyof typeof makers,
        (id) => cancel(market, id),
      ]),
    ];
    for (const [state, rival] of rivals) {
      for (const isFirst of [true, false]) {
        const id = await makers[state](poster, worker);
        const both = isFirst ? [cancel(market, id), rival(id)] : [rival(id), cancel(market, id)];
        await Promise.all(both);
        const { status } = (await poster.get(`/v1/tasks/${id}`)).body;
        const history = await engine.query(
          market.url,
          `select to_status from task_transitions where task_id = '${id}'`,
        );
        expect(history.filter((row) => ['cancelled', 'approved'].includes(row.to_status as string))).toHaveLength(1);
        expect(['cancelled', 'approved']).toContain(status);
      }
    }
    await cleanAudit(market);
  });
});

onBothEngines("the operator's debit", (engine) => {
  it('takes what is there, at most the amount, and leaves credits in escrow', async () => {
    const { market, poster } = await open(engine);
    await postTask(poster, { max_credits: 400 });
    const debit = (amount: number) =>
      market.admin.post('/v1/admin/credits/debit', { agent_id: poster.id, amount, reason: 'Fraud' });
    expect((await debit(600)).body).toEqual({ debited: 600, agent_id: poster.id, balance: 99_000, reason: 'Fraud' });
    expect((await debit(1_000_000)).body).toMatchObject({ debited: 99_000, balance: 0 });
    expect((await debit(5)).body).toMatchObject({ debited: 0, balance: 0 });
    const { balance, escrowed, ledger } = (await poster.get('/v1/me/credits')).body;
    expect({ balance, escrowed }).toEqual({ balance: 0, escrowed: 400 });
    expect(ledger.slice(0, 2)).toMatchObject([
      { amount: -99_000, reason: 'admin_debit', task_id: null },
      { amount: -600, reason: 'admin_debit' },
    ]);
    expect((await market.admin.get('/v1/admin/log?limit=3')).body.actions.reverse()[0]).toMatchObject({
      action: 'debit_credits',
      subject: poster.id,
      before: { credits: 99_600 },
      after: { credits: 99_000, debited: 600, reason: 'Fraud' },
    });
    const unknown = { agent_id: 'ag-000000000000', amount: 1, reason: 'Fraud' };
    expectError(await market.admin.post('/v1/admin/credits/debit', unknown), 404);
    await cleanAudit(market);
  });

  it('and a task that is posted at the same moment never take more than there is', async () => {
    const { market, poster } = await open(engine);
    for (let i = 0; i < 3; i++) {
      await Promise.all([
        market.admin.post('/v1/admin/credits/debit', { agent_id: poster.id, amount: 1_000_000 }),
        poster.post('/v1/tasks', { need: 'Anything', max_credits: 60_000 }),
      ]);
      const { balance } = (await poster.get('/v1/me/credits')).body;
      expect(balance).toBe(0);
      await market.admin.post('/v1/admin/credits/grant', { agent_id: poster.id, amount: 70_000 });
    }
    await cleanAudit(market);
  });
});
