import { expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { outcomeOf } from '../../../src/rules/disputes/outcome.ts';
import { disputeTask, rejectTask, registerJudges, seated, verdict } from '../../support/disputes.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, Market } from '../../support/market.ts';

async function open(engine: Engine, judges = 0) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
  const [poster, worker] = [await market.register('poster'), await market.register('worker')];
  return { market, poster, worker, judges: await registerJudges(market, judges) };
}

async function expectClean({ admin }: Market): Promise<void> {
  expect((await admin.get('/v1/admin/audit')).body.broken).toEqual([]);
}

const outcomes = (replies: { status: number }[]) => replies.map(({ status }) => status).sort();

onBothEngines('a dispute about a task', (engine) => {
  it('with an acceptance gives the worker half by default, and its deposit back', async () => {
    const { market, poster, worker } = await open(engine);
    const fields = { max_credits: 101, acceptance: { min_length: 3 } };
    const { task } = await disputeTask(market, { poster, worker }, fields);
    await market.pass(72 * hourMs);
    expect((await poster.get(`/v1/tasks/${task}`)).body).toMatchObject({
      status: 'approved',
      credits_charged: 50,
      dispute: { status: 'defaulted', worker_share: 50 },
    });
    expect(await market.balanceOf(worker)).toBe(1_045);
    expect(await market.balanceOf(poster)).toBe(950);
    for (const { id } of [poster, worker])
      expect((await market.admin.get(`/v1/agents/${id}`)).body.disputes_lost).toBe(0);
    // Half of a credit is nothing, and nobody ruled: the deposit comes back all the same.
    const tiny = await disputeTask(market, { poster, worker }, { ...fields, max_credits: 1 });
    await market.pass(72 * hourMs);
    expect((await worker.get(`/v1/tasks/${tiny.task}/deliveries`)).body.dispute).toMatchObject({ worker_share: 0 });
    expect(await market.balanceOf(worker)).toBe(1_045);
    await expectClean(market);
  });

  it('for chosen agents never brings it to this worker again, and ends it where nobody else is left', async () => {
    const { market, poster, worker } = await open(engine);
    const other = await market.register('other');
    for (const end of [
      ({ task }: { task: string }) => worker.post(`/v1/tasks/${task}/abandon`),
      ({ dispute }: { dispute: string }) =>
        market.admin.post(`/v1/admin/disputes/${dispute}`, { worker_share: 0, note: 'No' }),
    ]) {
      const alone = await disputeTask(market, { poster, worker }, { for_agents: [worker.id] });
      expect((await end(alone)).status).toBe(200);
      await market.pass(0);
      expect((await poster.get(`/v1/tasks/${alone.task}`)).body).toMatchObject({ status: 'expired' });
      const shared = await disputeTask(market, { poster, worker }, { for_agents: [worker.id, other.id] });
      await end(shared);
      expectError(await worker.post(`/v1/tasks/${shared.task}/pickup`), 409);
      expect((await worker.post(`/v1/tasks/${shared.task}/deliver`, { result: 'Eight' })).body.hint).toContain(
        '/deliveries',
      );
      expect((await other.post('/v1/tasks/pickup')).body.task_id).toBe(shared.task);
    }
    await expectClean(market);
  });
});

onBothEngines('of two requests at the same moment', (engine) => {
  it('one begins the dispute or moves the task', async () => {
    const { market, poster, worker } = await open(engine);
    const dispute = (task: string) => worker.post(`/v1/tasks/${task}/dispute`, { reason: 'It is right' });
    for (const other of [
      dispute,
      (task: string) => worker.post(`/v1/tasks/${task}/deliver`, { result: 'Eight' }),
      (task: string) => worker.post(`/v1/tasks/${task}/abandon`, { claim_number: 2 }),
    ]) {
      const task = await rejectTask(poster, worker, { max_credits: 10 });
      const statuses = outcomes(await Promise.all([dispute(task), other(task)]));
      expect(statuses.filter((status) => status < 300)).toHaveLength(1);
      expect(statuses.filter((status) => status === 409)).toHaveLength(1);
      await worker.post(`/v1/tasks/${task}/abandon`);
    }
    await expectClean(market);
  });

  it('a judge answers while the operator rules, or is suspended, and is paid once or not at all', async () => {
    const { market, poster, worker, judges } = await open(engine, 2);
    const paid = async ({ id }: Agent): Promise<number> => {
      const [row] = await engine.query(market.url, `select balance from accounts where id = '${id}'`);
      return Number((row as { balance: unknown }).balance);
    };
    for (const during of [
      (dispute: string, _judge: string) => market.admin.post(`/v1/admin/disputes/${dispute}`, { worker_share: 30 }),
      (_dispute: string, agent_id: string) =>
        market.admin.post('/v1/admin/agents/suspend', { agent_id, suspended: true }),
    ]) {
      const { dispute } = await disputeTask(market, { poster, worker });
      const [{ judge, seat }] = (await seated(judges)) as [{ judge: Agent; seat: string }];
      const before = await paid(judge);
      const [answer, act] = await Promise.all([
        judge.post(`/v1/tasks/${seat}/deliver`, { result: verdict(80) }),
        during(dispute, judge.id),
      ]);
      expect(act.status).toBe(200);
      expect([200, 403, 409]).toContain(answer.status);
      expect(await paid(judge)).toBe(before + (answer.status === 200 ? 5 : 0));
    }
    await market.pass(73 * hourMs);
    await expectClean(market);
  });

  it('a party that has an open dispute cannot delete its account meanwhile', async () => {
    const { market, poster, worker } = await open(engine);
    const task = await rejectTask(poster, worker, { max_credits: 10 });
    const replies = await Promise.all([
      worker.post(`/v1/tasks/${task}/dispute`, { reason: 'It is right' }),
      worker.delete(`/v1/me?confirm=${worker.id}`),
    ]);
    expect(outcomes(replies)).toEqual([201, 409]);
    expectError(await poster.delete(`/v1/me?confirm=${poster.id}`), 409);
    await expectClean(market);
  });
});

it('the explanation of a ruling has a part of what each of many judges said', () => {
  const terms = { judges: 15, charged: 100, default_share: 0, half_at: 1, deadline_at: 2 };
  const seats = Array.from({ length: 15 }, (_, i) => ({
    status: 'answered' as const,
    worker_share: 50,
    explanation: `Judge ${i}: ${'𝒳'.repeat(1_590)}`,
  }));
  const { explanation } = outcomeOf(terms, seats);
  expect(Array.from(explanation).length).toBeLessThanOrEqual(5_000);
  for (let i = 0; i < 15; i++) expect(explanation).toContain(`Judge ${i}: 𝒳`);
  const three = outcomeOf({ ...terms, judges: 3 }, seats.slice(0, 3)).explanation;
  for (const { explanation: whole } of seats.slice(0, 3)) expect(three).toContain(whole);
});
