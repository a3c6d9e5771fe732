import { afterAll, beforeAll, expect, it } from 'vitest';
import { minuteMs } from '../../../src/ground/clock.ts';
import { rejectTask } from '../../support/disputes.ts';
import { describeOnPostgres, postgres } from '../../support/engines.ts';
import { generous, registerHelper } from '../../support/helpers.ts';
import { type Agent, claimTask, deliverTask, Market, postTask, type Reply } from '../../support/market.ts';
import { queueForTask } from '../../support/queued.ts';

/**
 * Pairs of changes, one of which asks for something that the other changes in another row than the one that both lock.
 * On PostgreSQL the guard of a statement that has waited for its row sees the row as it is, and all other rows as they
 * were when it began (docs/decisions/0022). Each test lets the changes wait for the row in a fixed order.
 */

/** As few claims as possible, so that the limits are near; the first abandon makes an agent pause. */
const settings = {
  ...generous,
  PINCHWORK_MAX_OPEN_CLAIMS: '4',
  PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: '1',
};

describeOnPostgres('changes that wait for a task one behind the other', () => {
  let market: Market;
  let poster: Agent;
  beforeAll(async () => {
    market = await Market.open(await postgres.marketUrl(), settings);
    poster = await market.register('poster');
  });
  afterAll(() => market.close());

  const worker = () => market.register('worker');
  const pickUp = (agent: Agent, id: string) => () => agent.post(`/v1/tasks/${id}/pickup`);
  const decline = (agent: Agent, id: string) => () => agent.post(`/v1/tasks/${id}/decline`);
  const statuses = (replies: readonly unknown[]) => replies.map((reply) => (reply as Reply).status);
  const suspend = (agent: Agent) =>
    market.admin.post('/v1/admin/agents/suspend', { agent_id: agent.id, suspended: true });
  const statusOf = async (id: string): Promise<string> => (await poster.get(`/v1/tasks/${id}`)).body.status;
  const offer = (agents: readonly Agent[]) =>
    postTask(poster, { for_agents: agents.map(({ id }) => id), max_credits: 1 });
  /** What is done at once where a deadline does not come first: the releases of suspended and deleted agents. */
  const passRound = async () => {
    await market.ctx.timers.pass();
    await market.ctx.erasure.run();
  };
  const expectClean = async () => expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);

  it('an agent declines once, however often it asks at the same moment', async () => {
    const [one, two] = [await worker(), await worker()];
    const id = await offer([one, two]);
    expect(statuses(await queueForTask(market, id, [decline(one, id), decline(one, id)]))).toEqual([200, 403]);
    expect((await poster.get(`/v1/tasks/${id}`)).body).toMatchObject({ status: 'posted', for_agents: [two.id] });
    await expectClean();
  });

  it('an agent that deletes itself while it declines leaves the task once', async () => {
    const [one, two] = [await worker(), await worker()];
    const id = await offer([one, two]);
    const [declined] = await queueForTask(market, id, [
      decline(one, id),
      async () => {
        await one.delete(`/v1/me?confirm=${one.id}`);
        await market.ctx.erasure.run();
      },
    ]);
    expect(declined.status).toBe(200);
    expect((await poster.get(`/v1/tasks/${id}`)).body).toMatchObject({ status: 'posted', for_agents: [two.id] });
    await expectClean();
  });

  it('an agent that a chosen agent has left behind takes the task, and the last to decline ends it', async () => {
    const [one, two] = [await worker(), await worker()];
    const [taken, left] = [await offer([one, two]), await offer([one, two])];
    expect(statuses(await queueForTask(market, taken, [decline(one, taken), pickUp(two, taken)]))).toEqual([200, 200]);
    expect(statuses(await queueForTask(market, left, [decline(one, left), decline(two, left)]))).toEqual([200, 200]);
    expect([await statusOf(taken), await statusOf(left)]).toEqual(['claimed', 'expired']);
    await expectClean();
  });

  it('an agent does not match a task and work on it', async () => {
    const helper = await registerHelper(market);
    const [first, second] = [await postTask(poster, { max_credits: 1 }), await postTask(poster, { max_credits: 1 })];
    const matchingOf = async (id: string) =>
      (await postgres.query(market.url, `select matching_id from tasks where id = '${id}'`))[0]!.matching_id as string;
    const [matching, other] = [await matchingOf(first), await matchingOf(second)];
    const inspects = await queueForTask(market, first, [pickUp(helper, matching), pickUp(helper, first)]);
    const works = await queueForTask(market, second, [pickUp(helper, second), pickUp(helper, other)]);
    expect([statuses(inspects), statuses(works)]).toEqual([
      [200, 409],
      [200, 409],
    ]);
    await expectClean();
  });

  it('no agent gets more claims than it may have, of tasks or of system tasks', async () => {
    const [agent, helper] = [await worker(), await registerHelper(market)];
    for (let i = 0; i < 3; i++) await claimTask(poster, agent, { max_credits: 1 });
    const tasks = [await postTask(poster, { max_credits: 1 }), await postTask(poster, { max_credits: 1 })];
    const claims = await queueForTask(
      market,
      tasks,
      tasks.map((id) => pickUp(agent, id)),
    );
    expect(statuses(claims).sort()).toEqual([200, 429]);

    for (let i = 0; i < 11; i++) await postTask(poster, { max_credits: 1 });
    expect((await helper.post('/v1/tasks/pickup/batch', { count: 9 })).body.total).toBe(9);
    const waiting = await postgres.query(
      market.url,
      `select id from tasks where kind = 'match' and status = 'posted' order by id desc limit 2`,
    );
    const seats = waiting.map(({ id }) => id as string);
    const helps = await queueForTask(
      market,
      seats,
      seats.map((id) => pickUp(helper, id)),
    );
    expect(statuses(helps).sort()).toEqual([200, 429]);
    await expectClean();
  });

  it('no worker has more open disputes than it may have', async () => {
    const agent = await worker();
    const dispute = (id: string) => () => agent.post(`/v1/tasks/${id}/dispute`, { reason: 'It is right' });
    const disputed: string[] = [];
    for (let i = 0; i < 4; i++) disputed.push(await rejectTask(poster, agent, { max_credits: 10, grace_minutes: 60 }));
    for (const id of disputed.slice(0, 2)) expect((await dispute(id)()).status).toBe(201);
    const last = disputed.slice(2);
    expect(statuses(await queueForTask(market, last, last.map(dispute))).sort()).toEqual([201, 429]);
    await expectClean();
  });

  it('a claim that an agent makes while it is suspended or deletes itself does not stay its own', async () => {
    const [suspended, deleted] = [await worker(), await worker()];
    const [one, two] = [await postTask(poster, { max_credits: 1 }), await postTask(poster, { max_credits: 1 })];
    await queueForTask(market, one, [pickUp(suspended, one)], () => suspend(suspended));
    await queueForTask(market, two, [pickUp(deleted, two)], () => deleted.delete(`/v1/me?confirm=${deleted.id}`));
    market.clock.advance(minuteMs);
    await passRound();
    expect([await statusOf(one), await statusOf(two)]).toEqual(['posted', 'posted']);
    await expectClean();
  });

  it('a rejection while the worker is suspended leaves it no claim', async () => {
    const agent = await worker();
    const id = await deliverTask(poster, agent, { max_credits: 1, grace_minutes: 60 });
    const reject = () => poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' });
    const [rejected] = await queueForTask(market, id, [reject], () => suspend(agent));
    expect(rejected.status).toBe(200);
    await passRound();
    expect(await statusOf(id)).toBe('posted');
    await expectClean();
  });

  it('a pickup that began before its agent must pause, or before the poster is suspended, may succeed; no later one does', async () => {
    const [agent, hidden] = [await worker(), await market.register('poster')];
    await market.admin.post('/v1/admin/credits/grant', { agent_id: hidden.id, amount: 10 });
    const held = await claimTask(poster, agent, { max_credits: 1 });
    const [id, other] = [await postTask(poster, { max_credits: 1 }), await postTask(hidden, { max_credits: 1 })];
    await queueForTask(market, id, [pickUp(agent, id)], () => agent.post(`/v1/tasks/${held}/abandon`));
    expect((await pickUp(agent, held)()).body.code).toBe('pickups_paused');
    const late = await worker();
    await queueForTask(market, other, [pickUp(late, other)], () => suspend(hidden));
    expect((await pickUp(late, await postTask(poster, { max_credits: 1 }))()).status).toBe(200);
    await expectClean();
  });
});
