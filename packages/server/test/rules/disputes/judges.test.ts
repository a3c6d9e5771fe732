import { expect, it } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { conflict } from '../../../src/ground/errors.ts';
import {
  disputeTask,
  judge,
  registerJudge,
  registerJudges,
  rejectTask,
  seated,
  takeSeat,
  verdict,
} from '../../support/disputes.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answer, answers, nameHelper } from '../../support/helpers.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

async function open(engine: Engine, env: Record<string, string> = {}) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000', ...env });
  return { market, poster: await market.register('poster'), worker: await market.register('worker') };
}

async function expectClean({ admin }: Market): Promise<void> {
  expect((await admin.get('/v1/admin/audit')).body.broken).toEqual([]);
}

const willing = { accepts_system_tasks: true, judges_disputes: true };

onBothEngines('a judge', (engine) => {
  it('has dealt with no party, is no party, is willing, and has worked for three others or is named', async () => {
    const { market, poster, worker } = await open(engine);
    const others = await Promise.all(['a', 'b', 'c'].map((name) => market.register(name)));
    const work = async (client: Agent, agent: Agent) => {
      await client.post(`/v1/tasks/${await deliverTask(client, agent, { max_credits: 1 })}/approve`);
    };
    const proven = await market.register('proven', willing);
    for (const client of others) await work(client, proven);
    const green = await market.register('green', willing);
    for (const client of [others[0]!, others[1]!, others[1]!]) await work(client, green);
    const forParties = await market.register('for the parties', willing);
    for (const client of [others[0]!, others[1]!]) await work(client, forParties);
    for (const deal of [
      async (agent: Agent) => work(poster, agent),
      async (agent: Agent) => work(agent, worker),
      async (agent: Agent) => claimTask(worker, agent, { max_credits: 1 }),
      async (agent: Agent) => {
        const id = await claimTask(poster, agent, { max_credits: 1 });
        await agent.post(`/v1/tasks/${id}/abandon`);
        await poster.post(`/v1/tasks/${id}/cancel`);
      },
    ]) {
      await deal(await registerJudge(market, 'related'));
    }
    const unwilling = await registerJudge(market, 'unwilling');
    await unwilling.patch('/v1/me', { judges_disputes: false });
    const suspended = await registerJudge(market, 'suspended');
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: suspended.id, suspended: true });
    const { dispute } = await disputeTask(market, { poster, worker });
    const { body } = await market.admin.get(`/v1/admin/disputes/${dispute}`);
    expect(body.seats.map(({ judge_id }: { judge_id: string }) => judge_id)).toEqual([proven.id]);
    await expectClean(market);
  });

  it('has not checked a delivery of the task', async () => {
    const { market, poster, worker } = await open(engine);
    const [checker, free] = await registerJudges(market, 2);
    await nameHelper(market, checker!);
    const task = await deliverTask(poster, worker, { max_credits: 100 });
    await answer(checker!, answers.verify());
    await poster.post(`/v1/tasks/${task}/reject`, { reason: 'No' });
    expect((await worker.post(`/v1/tasks/${task}/dispute`, { reason: 'It is right' })).status).toBe(201);
    await market.ctx.judging.pass();
    expect((await seated([checker!, free!])).map(({ judge: agent }) => agent.id)).toEqual([free!.id]);
    await expectClean(market);
  });

  it('is drawn also when the look at an earlier dispute fails, which is put off', async () => {
    const { market, poster, worker } = await open(engine, { PINCHWORK_DISPUTE_JUDGES: '1' });
    await registerJudges(market, 2);
    const dispute = async () => {
      const task = await rejectTask(poster, worker);
      market.clock.advance(secondMs);
      const { body } = await worker.post(`/v1/tasks/${task}/dispute`, { reason: 'It counts them all' });
      return body.dispute_id as string;
    };
    const drawn = async () =>
      (await engine.query(market.url, 'select dispute_id from dispute_seats')).map(({ dispute_id }) => dispute_id);
    const [broken, sound] = [await dispute(), await dispute()];
    const { db, judging } = market.ctx;
    const transact = db.transact.bind(db);
    let looks = 0;
    db.transact = (name, work) =>
      name === 'look at dispute' && ++looks === 1 ? Promise.reject(conflict('Broken')) : transact(name, work);
    await judging.pass();
    expect([looks, await drawn()]).toEqual([2, [sound]]);
    await judging.pass();
    expect([looks, await drawn()]).toEqual([2, [sound]]);
    market.clock.advance(5 * minuteMs);
    await judging.pass();
    expect((await drawn()).sort()).toEqual([broken, sound].sort());
    await expectClean(market);
  });

  it('that is suspended loses all its seats, however many', async () => {
    const { market, poster } = await open(engine);
    const suspended = await market.register('judge', willing);
    for (let i = 0; i < 101; i++) await postTask(poster, { max_credits: 1 });
    // Made up, because a dispute takes six requests: the system task of each seat is the disputed task itself.
    await engine.vandalise(
      market.url,
      `insert into disputes (id, task_id, claim_number, poster_id, worker_id, reason, deposit, charged, judges, default_share,
         opened_at, half_at, deadline_at, status)
       select 'dp-' || substr(id, 4), id, 1, poster_id, poster_id, '', 1, 1, 1, 0, 1, 1, 1, 'open' from tasks`,
      `insert into dispute_seats (task_id, dispute_id, disputed_id, judge_id, drawn_at, status)
       select task_id, id, task_id, '${suspended.id}', 1, 'open' from disputes`,
    );
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: suspended.id, suspended: true });
    await market.pass(0);
    const rows = await engine.query(market.url, 'select status, count(*) as n from dispute_seats group by status');
    expect(rows.map(({ status, n }) => [status, Number(n)])).toEqual([['lost', 101]]);
  });

  it('was not registered from the same public network as a party', async () => {
    const { market, poster } = await open(engine);
    const from = async (remoteAddress: string): Promise<Agent> => {
      const { body } = await market.request({
        method: 'POST',
        url: '/v1/register',
        remoteAddress,
        headers: { 'content-type': 'application/json' },
        payload: JSON.stringify({ name: remoteAddress, ...willing }),
      });
      await market.admin.post(`/v1/admin/agents/${body.agent_id}`, { judges_disputes: true });
      return market.client(body.agent_id, body.api_key);
    };
    const worker = await from('8.8.4.7');
    const [near, far] = [await from('8.8.4.99'), await from('9.9.9.7')];
    await disputeTask(market, { poster, worker });
    expect((await seated([near, far])).map(({ judge: agent }) => agent.id)).toEqual([far.id]);
    await expectClean(market);
  });

  it('says so with judges_disputes, which needs accepts_system_tasks and ends with it', async () => {
    const { market } = await open(engine);
    expectError(
      await market.request({
        method: 'POST',
        url: '/v1/register',
        headers: { 'content-type': 'application/json' },
        payload: '{"name": "x", "judges_disputes": true}',
      }),
      400,
    );
    const agent = await market.register('agent');
    expectError(await agent.patch('/v1/me', { judges_disputes: true }), 400);
    expect((await agent.patch('/v1/me', willing)).body).toMatchObject(willing);
    expect((await agent.patch('/v1/me', { accepts_system_tasks: false })).body.judges_disputes).toBe(false);
  });

  it('gets its seat before other work, alone, and reads what it judges only while it holds it', async () => {
    const { market, poster, worker } = await open(engine);
    const [first, second] = (await registerJudges(market, 2)) as [Agent, Agent];
    const stranger = await market.register('stranger', willing);
    const { task } = await disputeTask(market, { poster, worker });
    await worker.post(`/v1/tasks/${task}/messages`, { message: 'All seven are there' });
    expectError(await first.get(`/v1/tasks/${task}`), 404);
    const picked = await first.post('/v1/tasks/pickup');
    const payload = JSON.parse(picked.body.context);
    expect(payload).toMatchObject({
      system_task: 'judge_dispute',
      task: { task_id: task, need: 'Count the words' },
      deliveries: [{ result: 'Seven', credits_claimed: 100, rejection_reason: 'No', rejection_feedback: null }],
      messages: [{ from: 'worker', message: 'All seven are there' }],
      reason: 'It counts them all',
    });
    const seat: string = picked.body.task_id;
    for (const agent of [second, stranger, worker]) expectError(await agent.post(`/v1/tasks/${seat}/pickup`), 409);
    expect((await first.get(`/v1/tasks/${task}`)).body).toMatchObject({
      status: 'disputed',
      dispute: { status: 'open' },
    });
    expect((await first.get(`/v1/tasks/${task}/messages`)).body.total).toBe(1);
    expect((await first.get(`/v1/tasks/${task}/deliveries`)).body).toMatchObject({
      deliveries: [{ result: 'Seven' }],
      dispute: { status: 'open' },
    });
    await first.post(`/v1/tasks/${seat}/deliver`, { result: verdict(50) });
    for (const path of ['', '/deliveries']) expectError(await first.get(`/v1/tasks/${task}${path}`), 404);
    expectError(await first.get(`/v1/tasks/${task}/messages`), 403);
    await expectClean(market);
  });

  it('that still holds its seat when the dispute has ended reads no later delivery, and no message about it', async () => {
    const { market, poster, worker } = await open(engine, { PINCHWORK_DISPUTE_JUDGES: '1' });
    const judge = await registerJudge(market);
    const { task } = await disputeTask(market, { poster, worker });
    const seat = await takeSeat(judge);
    expect((await judge.get(`/v1/tasks/${task}`)).status).toBe(200);
    await worker.post(`/v1/tasks/${task}/abandon`);
    const other = await market.register('other');
    await other.post(`/v1/tasks/${task}/pickup`);
    await other.post(`/v1/tasks/${task}/messages`, { message: 'Nearly done' });
    await other.post(`/v1/tasks/${task}/deliver`, { result: 'Eight' });
    for (const path of ['', '/deliveries']) expectError(await judge.get(`/v1/tasks/${task}${path}`), 404);
    expectError(await judge.get(`/v1/tasks/${task}/messages`), 403);
    expect((await judge.post(`/v1/tasks/${seat}/deliver`, { result: verdict(50) })).status).toBe(200);
    await expectClean(market);
  });

  it('that gives its seat back, does not take it, does not answer or is suspended loses it to another', async () => {
    const { market, poster, worker } = await open(engine, { PINCHWORK_DISPUTE_JUDGES: '1' });
    const judges = await registerJudges(market, 5);
    const { dispute } = await disputeTask(market, { poster, worker });
    const current = async (): Promise<{ agent: Agent; seat: string }> => {
      const { body } = await market.admin.get(`/v1/admin/disputes/${dispute}`);
      const open = body.seats.find(({ status }: { status: string }) => status === 'open');
      return { agent: judges.find(({ id }) => id === open.judge_id)!, seat: open.task_id };
    };
    const { agent: first, seat } = await current();
    expect(await takeSeat(first)).toBe(seat);
    await first.post(`/v1/tasks/${seat}/abandon`);
    await market.pass(0);
    const { agent: second } = await current();
    await market.pass(30 * minuteMs + 1_000);
    const { agent: third, seat: thirds } = await current();
    await takeSeat(third);
    await market.pass(30 * minuteMs + 1_000);
    expectError(await third.post(`/v1/tasks/${thirds}/deliver`, { result: verdict(1) }), 409);
    const { agent: fourth } = await current();
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: fourth.id, suspended: true });
    await market.ctx.timers.pass();
    await market.pass(0);
    const { agent: fifth } = await current();
    expect(new Set([first, second, third, fourth, fifth]).size).toBe(5);
    await judge(fifth, 70);
    await market.pass(0);
    expect((await market.admin.get(`/v1/admin/disputes/${dispute}`)).body.dispute).toMatchObject({ worker_share: 70 });
    await expectClean(market);
  });

  it('is drawn when there is budget for it again', async () => {
    const { market, poster, worker } = await open(engine, { PINCHWORK_SYSTEM_CREDITS_PER_HOUR: '100' });
    const judges = await registerJudges(market, 3);
    await disputeTask(market, { poster, worker });
    // A tenth of the hour's credits pays for two.
    expect(await seated(judges)).toHaveLength(2);
    await market.pass(10 * minuteMs);
    expect(await seated(judges)).toHaveLength(0);
    await market.pass(hourMs);
    expect((await seated(judges)).length).toBeGreaterThan(0);
    await expectClean(market);
  });
});

onBothEngines('an attack', (engine) => {
  it('by rubbish that is disputed in a market without judges gains nothing', async () => {
    const { market, poster, worker: cheat } = await open(engine);
    const { task } = await disputeTask(market, { poster, worker: cheat });
    await market.pass(72 * hourMs + 1_000);
    expect(await market.balanceOf(cheat)).toBe(1_000);
    expect(await market.balanceOf(poster)).toBe(1_000);
    expect((await poster.get(`/v1/tasks/${task}`)).body.credits_charged).toBeNull();
    await expectClean(market);
  });

  it('by three accounts that judge their disputes of one credit mints nothing', async () => {
    const { market } = await open(engine);
    const ring = await registerJudges(market, 3);
    for (const [i, poster] of ring.entries()) {
      await disputeTask(market, { poster, worker: ring[(i + 1) % 3]! }, { max_credits: 1 });
    }
    expect(await seated(ring)).toEqual([]);
    await market.pass(73 * hourMs);
    const balances = await Promise.all(ring.map((agent) => market.balanceOf(agent)));
    expect(balances.reduce((sum, balance) => sum + balance, 0)).toBe(3_000);
    await expectClean(market);
  });

  it('by withdrawing at the last minute costs the deposit', async () => {
    const { market, poster, worker } = await open(engine);
    const judges = await registerJudges(market, 3);
    const { task, deposit } = await disputeTask(market, { poster, worker });
    await judge(judges[0]!, 0);
    await judge(judges[1]!, 0);
    expect((await worker.post(`/v1/tasks/${task}/abandon`)).status).toBe(200);
    expect(await market.balanceOf(worker)).toBe(1_000 - deposit);
    expectError(await worker.post(`/v1/tasks/${task}/pickup`), 409);
    await expectClean(market);
  });
});

onBothEngines('of two that end a dispute at once', (engine) => {
  it('one wins, and the credits are exact', async () => {
    const { market, poster, worker } = await open(engine);
    await registerJudges(market, 1);
    for (const both of [
      ({ task, dispute }: { task: string; dispute: string }) => [
        poster.post(`/v1/tasks/${task}/approve`),
        market.admin.post(`/v1/admin/disputes/${dispute}`, { worker_share: 20 }),
      ],
      ({ task, dispute }: { task: string; dispute: string }) => [
        worker.post(`/v1/tasks/${task}/abandon`),
        market.admin.post(`/v1/admin/disputes/${dispute}`, { worker_share: 20 }),
      ],
      ({ task }: { task: string }) => [
        worker.post(`/v1/tasks/${task}/abandon`),
        poster.post(`/v1/tasks/${task}/approve`),
      ],
      ({ task }: { task: string }) => [
        market.admin.post(`/v1/admin/tasks/${task}/cancel`, { reason: 'x' }),
        poster.post(`/v1/tasks/${task}/approve`),
      ],
    ]) {
      const disputed = await disputeTask(market, { poster, worker }, { max_credits: 20 });
      const replies = await Promise.all(both(disputed));
      expect(replies.map(({ status }) => status).sort()).toEqual([200, 409]);
    }
    const { dispute } = await disputeTask(market, { poster, worker }, { max_credits: 20 });
    market.clock.advance(72 * hourMs + 1_000);
    const [, reply] = await Promise.all([
      market.ctx.timers.runDue(),
      market.admin.post(`/v1/admin/disputes/${dispute}`, { worker_share: 20 }),
    ]);
    expect(reply.status).toBe(409);
    await market.pass(0);
    await expectClean(market);
  });
});
