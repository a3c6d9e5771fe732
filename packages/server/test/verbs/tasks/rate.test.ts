import { expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

async function open(engine: Engine) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
  return { market, poster: await market.register('poster'), worker: await market.register('worker') };
}

async function approveTask(poster: Agent, worker: Agent, body: object = {}, fields: object = {}): Promise<string> {
  const id = await deliverTask(poster, worker, { max_credits: 10, ...fields });
  expect((await poster.post(`/v1/tasks/${id}/approve`, body)).status).toBe(200);
  return id;
}

const reputationOf = async (agent: Agent) => (await agent.get('/v1/me')).body.reputation;

onBothEngines('a rating', (engine) => {
  it('of the worker comes with the approval; reputation is the mean of all ratings, to two decimals', async () => {
    const { poster, worker } = await open(engine);
    expect(await reputationOf(worker)).toBe(0);
    await approveTask(poster, worker, { rating: 5 });
    expect(await reputationOf(worker)).toBe(5);
    await approveTask(poster, worker, { rating: 4, feedback: 'Good' });
    await approveTask(poster, worker, { rating: 4 });
    expect(await reputationOf(worker)).toBe(4.33);
    await approveTask(poster, worker, { feedback: 'no rating' });
    await approveTask(poster, worker);
    expect(await reputationOf(worker)).toBe(4.33);
  });

  it('of the worker stands in every reply that is the task from the approval on, for both parties', async () => {
    const { market, poster, worker } = await open(engine);
    const delivered = await deliverTask(poster, worker, { max_credits: 10 });
    expect((await poster.get(`/v1/tasks/${delivered}`)).body).not.toHaveProperty('rating');
    const given = [
      { rating: 4, feedback: 'Good' },
      { rating: null, feedback: 'No stars' },
      { rating: 2, feedback: null },
      { rating: null, feedback: null },
    ];
    const wanted: Record<string, object> = {};
    for (const review of given) {
      const body = Object.fromEntries(Object.entries(review).filter(([, value]) => value !== null));
      wanted[await approveTask(poster, worker, body)] = review;
    }
    // The worker's own rating of the poster is not among them.
    await worker.post(`/v1/tasks/${Object.keys(wanted)[3]}/rate`, { rating: 1, feedback: 'Vague' });
    for (const agent of [poster, worker]) {
      const { tasks } = (await agent.get('/v1/tasks/mine')).body;
      for (const [id, review] of Object.entries(wanted)) {
        expect((await agent.get(`/v1/tasks/${id}`)).body).toMatchObject(review);
        expect(tasks.find(({ task_id }: { task_id: string }) => task_id === id)).toMatchObject(review);
        expect((await market.admin.get(`/v1/admin/tasks/${id}`)).body.task).toMatchObject(review);
      }
      expect(tasks.at(-1)).not.toHaveProperty('rating');
    }
  });

  it('of the poster is given by the worker, once, after the approval', async () => {
    const { poster, worker } = await open(engine);
    const id = await approveTask(poster, worker);
    const rated = await worker.post(`/v1/tasks/${id}/rate`, { rating: 2, feedback: 'Vague' });
    expect(rated.status).toBe(201);
    expect(rated.body).toEqual({ task_id: id, rated_id: poster.id, rating: 2, feedback: 'Vague' });
    expect(await reputationOf(poster)).toBe(2);
    expectError(await worker.post(`/v1/tasks/${id}/rate`, { rating: 5 }), 409);
    expect(await reputationOf(poster)).toBe(2);
  });

  it('returns missing feedback as null', async () => {
    const { poster, worker } = await open(engine);
    const id = await approveTask(poster, worker);
    expect((await worker.post(`/v1/tasks/${id}/rate`, { rating: 1 })).body.feedback).toBeNull();
  });

  it('of the poster checks the state before the role', async () => {
    const { market, poster, worker } = await open(engine);
    const posted = await postTask(poster, { max_credits: 10 });
    const claimed = await claimTask(poster, worker, { max_credits: 10 });
    const delivered = await deliverTask(poster, worker, { max_credits: 10 });
    const approved = await approveTask(poster, worker);
    const stranger = await market.register('stranger');
    for (const agent of [worker, poster, stranger]) {
      for (const id of [posted, claimed, delivered]) {
        expectError(await agent.post(`/v1/tasks/${id}/rate`, { rating: 5 }), 409);
      }
    }
    for (const agent of [poster, stranger]) {
      expectError(await agent.post(`/v1/tasks/${approved}/rate`, { rating: 5 }), 403);
    }
    expectError(await worker.post('/v1/tasks/tk-000000000000/rate', { rating: 5 }), 404);
    expect(await reputationOf(poster)).toBe(0);
  });

  it('is possible after an approval by the clock, which gives no rating', async () => {
    const { market, poster, worker } = await open(engine);
    const id = await deliverTask(poster, worker);
    await market.pass(25 * hourMs);
    expect(await reputationOf(worker)).toBe(0);
    expect((await worker.post(`/v1/tasks/${id}/rate`, { rating: 3 })).status).toBe(201);
    expect(await reputationOf(poster)).toBe(3);
  });

  it('counts once if it is sent several times at once', async () => {
    const { poster, worker } = await open(engine);
    const id = await approveTask(poster, worker);
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => worker.post(`/v1/tasks/${id}/rate`, { rating: 4 })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(9).fill(409)]);
    expect(await reputationOf(poster)).toBe(4);
  });

  it('counts each time for many simultaneous ratings between two agents, in any order', async () => {
    const { market, poster, worker } = await open(engine);
    // Each works for the other, so that both sides request every lock.
    const pairs = Array.from({ length: 12 }, (_, i): [Agent, Agent] =>
      i % 2 === 0 ? [poster, worker] : [worker, poster],
    );
    const tasks: { id: string; by: Agent; to: Agent; rating: number }[] = [];
    for (const [i, [by, to]] of pairs.entries()) {
      tasks.push({ id: await deliverTask(by, to, { max_credits: 10, tags: ['common'] }), by, to, rating: (i % 5) + 1 });
    }
    const replies = await Promise.all(
      tasks.map(async ({ id, by, to, rating }) => {
        const approved = await by.post(`/v1/tasks/${id}/approve`, { rating });
        const rated = await to.post(`/v1/tasks/${id}/rate`, { rating: 6 - rating });
        return [approved.status, rated.status];
      }),
    );
    expect(replies).toEqual(tasks.map(() => [200, 201]));
    for (const agent of [poster, worker]) {
      const got = tasks.flatMap(({ by, to, rating }) => [
        ...(to === agent ? [rating] : []),
        ...(by === agent ? [6 - rating] : []),
      ]);
      const mean = got.reduce((sum, each) => sum + each, 0) / got.length;
      expect(await reputationOf(agent)).toBe(Math.round(mean * 100) / 100);
      const [tag] = await engine.query(
        market.url,
        `select rating_sum, rating_count, tasks_completed, earned from agent_tags where agent_id = '${agent.id}'`,
      );
      expect(Object.values(tag!).map(Number)).toEqual([got.reduce((sum, each) => sum + each, 0), 12, 6, 54]);
    }
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });
});
