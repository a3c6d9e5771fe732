import { expect, it, onTestFinished } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { overloaded } from '../../../src/ground/errors.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { answer, answers, registerHelper } from '../../support/helpers.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';

interface Told {
  readonly number: number;
  readonly type: string;
  readonly task: string;
  readonly data: Record<string, unknown>;
}

/** An agent's events, in order. */
async function toldTo(engine: Engine, { url }: Market, agent: Agent): Promise<Told[]> {
  const rows = await engine.query(
    url,
    `select number, type, task_id, data from events where agent_id = '${agent.id}' order by number`,
  );
  return rows.map(({ number, type, task_id, data }) => ({
    number: Number(number),
    type: type as string,
    task: task_id as string,
    data: JSON.parse(data as string) as Record<string, unknown>,
  }));
}

/** An agent's events about one task. Checks that all its events are numbered without gaps. */
async function toldOf(engine: Engine, market: Market, agent: Agent, task: string): Promise<[string, object][]> {
  const told = await toldTo(engine, market, agent);
  expect(told.map(({ number }) => number)).toEqual(told.map((_, i) => i + 1));
  return told.filter((event) => event.task === task).map(({ type, data }) => [type, data]);
}

async function expectClean(market: Market): Promise<void> {
  expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
}

/** A market that is closed after the test, unless the test closes it. */
async function openOn(url: string, env: Record<string, string> = {}, clock?: Market['clock']): Promise<Market> {
  const market = await Market.open(url, env, clock);
  let isOpen = true;
  onTestFinished(() => (isOpen ? market.close() : undefined));
  const close = market.close.bind(market);
  market.close = async () => {
    isOpen = false;
    await close();
  };
  return market;
}

async function matchTask(helper: Agent, poster: Agent, chosen: Agent[], fields: object = {}): Promise<string> {
  const task = await postTask(poster, { max_credits: 1, ...fields });
  await answer(helper, answers.match(chosen));
  return task;
}

onBothEngines('a matched agent gets an event', (engine) => {
  it('with its rank, and when the task is cancelled or expires; other agents get none', async () => {
    const market = await Market.fresh(engine);
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    const chosen = [await market.register('first'), await market.register('second')];
    const bystander = await market.register('bystander');
    const cancelled = await matchTask(helper, poster, chosen);
    const expired = await matchTask(helper, poster, chosen);
    await poster.post(`/v1/tasks/${cancelled}/cancel`);
    await market.pass(72 * hourMs);
    for (const [rank, agent] of chosen.entries()) {
      expect(await toldOf(engine, market, agent, cancelled)).toEqual([
        ['task_matched', { rank }],
        ['task_cancelled', { reason: null }],
      ]);
      expect(await toldOf(engine, market, agent, expired)).toEqual([
        ['task_matched', { rank }],
        ['task_expired', { worker_id: null }],
      ]);
    }
    expect(await toldOf(engine, market, poster, expired)).toEqual([['task_expired', { worker_id: null }]]);
    expect(await toldTo(engine, market, bystander)).toEqual([]);
    await expectClean(market);
  });

  it('in the order of the transitions, even if all of them precede the fan-out', async () => {
    const market = await Market.fresh(engine);
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    // More agents than one portion of the outbox has.
    const chosen = await Promise.all(Array.from({ length: 12 }, (_, i) => market.register(`agent ${i}`)));
    const tasks: string[] = [];
    for (let i = 0; i < 4; i++) {
      tasks.push(await matchTask(helper, poster, chosen));
      await poster.post(`/v1/tasks/${tasks[i]}/cancel`);
    }
    await market.ctx.outbox.run();
    for (const agent of chosen) {
      for (const task of tasks) {
        const types = (await toldOf(engine, market, agent, task)).map(([type]) => type);
        expect(types).toEqual(['task_matched', 'task_cancelled']);
      }
    }
    await expectClean(market);
  });

  it('even if the server dies between the transition and the fan-out', async () => {
    const url = await engine.marketUrl();
    const before = await openOn(url);
    const { clock } = before;
    const [helper, poster] = [await registerHelper(before), await before.register('poster')];
    const chosen = await Promise.all(Array.from({ length: 7 }, (_, i) => before.register(`agent ${i}`)));
    // The outbox of this server never runs: its loop is not started, so signals do not wake it.
    const task = await matchTask(helper, poster, chosen);
    await poster.post(`/v1/tasks/${task}/cancel`);
    expect(await toldTo(engine, before, chosen[0]!)).toEqual([]);
    await before.close();
    // An id as a server draws it whose clock is behind.
    await engine.vandalise(url, `update outbox set id = 'ob-00000000000' where type = 'task_cancelled'`);

    const after = await openOn(url, {}, clock);
    await after.ctx.outbox.run();
    for (const agent of chosen) {
      const types = (await toldOf(engine, after, agent, task)).map(([type]) => type);
      expect(types).toEqual(['task_matched', 'task_cancelled']);
    }
    await after.ctx.outbox.run();
    expect(await toldTo(engine, after, chosen[0]!)).toHaveLength(2);
    await expectClean(after);
  });

  it('even if the fan-out of another task fails; the audit names the agents without an event', async () => {
    const market = await Market.fresh(engine);
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    const chosen = await market.register('chosen');
    const [odd, task] = [await matchTask(helper, poster, [chosen]), await matchTask(helper, poster, [chosen])];
    await market.ctx.outbox.run();
    for (const id of [odd, task]) await poster.post(`/v1/tasks/${id}/cancel`);
    await engine.vandalise(market.url, `update outbox set data = 'no JSON' where task_id = '${odd}'`);
    // A row that has waited for less is a backlog, not damage.
    await market.pass(14 * minuteMs);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
    await market.pass(2 * minuteMs);
    const ends = async () => (await toldTo(engine, market, chosen)).slice(2).map((told) => [told.type, told.task]);
    expect(await ends()).toEqual([['task_cancelled', task]]);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([
      { invariant: 'nothing is overdue', subject: odd, detail: expect.stringContaining('task_cancelled') },
    ]);
    await engine.vandalise(market.url, `update outbox set data = '{}' where task_id = '${odd}'`);
    await market.ctx.outbox.run();
    expect(await ends()).toEqual([
      ['task_cancelled', task],
      ['task_cancelled', odd],
    ]);
    await expectClean(market);
  });

  it('later, if the database fails for a reason unrelated to the row', async () => {
    const market = await Market.fresh(engine);
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    const chosen = await market.register('chosen');
    for (let i = 0; i < 2; i++) await matchTask(helper, poster, [chosen]);
    const { db, outbox } = market.ctx;
    const { transact } = db;
    let calls = 0;
    db.transact = () => {
      calls++;
      return Promise.reject(new Error('Odd'));
    };
    await expect(outbox.run()).rejects.toThrow('Odd');
    // Nothing is tried again before the next run.
    expect(calls).toBe(db.shared ? 4 : 1);
    // So it is where the storage fails after the row was read.
    calls = 0;
    db.transact = (verb, work) => {
      calls++;
      return transact.call(db, verb, async (tx) => {
        await work(tx);
        throw overloaded();
      }) as never;
    };
    await expect(outbox.run()).rejects.toMatchObject({ code: 'overloaded' });
    expect(calls).toBe(db.shared ? 4 : 1);
    db.transact = transact;
    await outbox.run();
    expect(await toldTo(engine, market, chosen)).toHaveLength(2);
  });

  it('once, if several servers run the outbox', async () => {
    const url = await engine.marketUrl();
    const market = await openOn(url);
    const others =
      engine.name === 'PostgreSQL'
        ? [await openOn(url, {}, market.clock), await openOn(url, {}, market.clock)]
        : [market, market];
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    const chosen = await Promise.all(Array.from({ length: 11 }, (_, i) => market.register(`agent ${i}`)));
    const tasks: string[] = [];
    for (let i = 0; i < 5; i++) {
      tasks.push(await matchTask(helper, poster, chosen));
      if (i % 2 === 0) await poster.post(`/v1/tasks/${tasks[i]}/cancel`);
    }
    const tell = () => Promise.all([market, ...others].map(({ ctx }) => ctx.outbox.run()));
    await tell();
    // A server that skips locked rows may have found nothing to do.
    await tell();
    for (const agent of chosen) {
      for (const [i, task] of tasks.entries()) {
        const types = (await toldOf(engine, market, agent, task)).map(([type]) => type);
        expect(types).toEqual(i % 2 === 0 ? ['task_matched', 'task_cancelled'] : ['task_matched']);
      }
    }
    await expectClean(market);
  });

  it('after a verification: both parties get it, the verifier does not', async () => {
    const market = await Market.fresh(engine);
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    const worker = await market.register('worker');
    const task = await deliverTask(poster, worker, { max_credits: 1 });
    await answer(helper, answers.verify(false));
    const said = { meets_requirements: false, explanation: 'It says so' };
    expect((await toldOf(engine, market, poster, task)).at(-1)).toEqual(['task_verified', said]);
    expect(await toldOf(engine, market, worker, task)).toEqual([['task_verified', said]]);
    // About its own tasks it gets events like any worker.
    expect((await toldTo(engine, market, helper)).map(({ type, data }) => [type, data])).toEqual([
      ['task_approved', { credits: 5, rating: null }],
    ]);
    await expectClean(market);
  });

  it('when its claim times out', async () => {
    const market = await Market.fresh(engine);
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    await postTask(poster, { max_credits: 1 });
    await helper.post('/v1/tasks/pickup');
    await market.pass(2 * minuteMs);
    expect((await toldTo(engine, market, helper)).map(({ type }) => type)).toEqual(['claim_timeout_expired']);
    await expectClean(market);
  });
});
