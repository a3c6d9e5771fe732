import { expect, it, onTestFinished } from 'vitest';
import { onBothEngines } from '../../support/engines.ts';
import { answers, registerHelper } from '../../support/helpers.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';

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

onBothEngines('a suspension', (engine) => {
  it('of an infra agent frees its claimed system tasks for another one', async () => {
    const market = await Market.fresh(engine);
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    const task = await postTask(poster, { max_credits: 1 });
    const { task_id } = (await helper.post('/v1/tasks/pickup')).body;
    const other = await registerHelper(market, 'other');
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: helper.id, suspended: true });
    const again = await other.post('/v1/tasks/pickup');
    expect(again.body.task_id).toBe(task_id);
    const { status } = await other.post(`/v1/tasks/${task_id}/deliver`, { result: answers.match([helper]) });
    expect(status).toBe(200);
    // The agent that it ranked is suspended, so all agents see the task.
    const worker = await market.register('worker');
    expect((await worker.get('/v1/tasks/available')).body.tasks).toMatchObject([{ task_id: task, is_matched: false }]);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: helper.id, suspended: false });
    expect(await market.balanceOf(helper)).toBe(100);
    // It had the system task, so it may not claim the task.
    expect((await helper.post(`/v1/tasks/${task}/pickup`)).status).toBe(409);
    await expectClean(market);
  });

  it('of the only infra agent leaves the market as if there were none', async () => {
    const market = await Market.fresh(engine);
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: helper.id, suspended: true });
    const singer = await market.register('singer', { good_at: 'Singing' });
    const task = await postTask(poster, { need: 'Singing', max_credits: 1 });
    expect((await singer.get('/v1/tasks/available')).body.tasks).toMatchObject([{ task_id: task, match_rank: 0 }]);
    await expectClean(market);
  });

  it('of the only infra agent leaves deliveries without a check, and posts no system task', async () => {
    const market = await Market.fresh(engine);
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const helper = await registerHelper(market);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: helper.id, suspended: true });
    const task = await deliverTask(poster, worker, { max_credits: 1 });
    expect((await poster.get(`/v1/tasks/${task}`)).body).toMatchObject({ status: 'delivered', result: 'Seven' });
    const posted = await engine.query(market.url, "select kind from tasks where kind <> 'work'");
    expect(posted).toEqual([]);
    await expectClean(market);
  });

  it('of a poster does not affect a claimed system task: the answer is paid, and applies after the suspension', async () => {
    const url = await engine.marketUrl();
    const before = await openOn(url);
    const { clock } = before;
    const [helper, poster] = [await registerHelper(before), await before.register('poster')];
    const worker = await before.register('worker');
    const task = await postTask(poster, { max_credits: 1 });
    const { task_id } = (await helper.post('/v1/tasks/pickup')).body;
    await before.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: true });
    await before.close();

    const market = await openOn(url, {}, clock);
    const at = (agent: Agent) => market.client(agent.id, agent.key);
    const answered = await at(helper).post(`/v1/tasks/${task_id}/deliver`, { result: answers.match([worker]) });
    expect(answered).toMatchObject({ status: 200, body: { credits_charged: 3 } });
    expect((await at(worker).get('/v1/tasks/available')).body.tasks).toEqual([]);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: false });
    expect((await at(worker).get('/v1/tasks/available')).body.tasks).toMatchObject([{ task_id: task, match_rank: 0 }]);
    await market.ctx.outbox.run();
    await expectClean(market);
  });
});
