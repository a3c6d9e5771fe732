import { request } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { ManualClock } from '../../support/clock.ts';
import { expectError } from '../../support/errors.ts';
import { itOnPostgres, onBothEngines, postgres } from '../../support/engines.ts';
import { claimTask, deliverTask, Market, postTask } from '../../support/market.ts';
import { listen } from '../../support/streams.ts';
import { until } from '../../support/until.ts';

/** A clock whose time of day can be set; its timers run independently of that. */
class SteppedClock extends ManualClock {
  step = 0;

  override now(): number {
    return super.now() + this.step;
  }
}

onBothEngines('waiting for a task', (engine) => {
  const cast = async (env: Record<string, string> = {}) => {
    const market = await Market.fresh(engine, env);
    return { market, poster: await market.register('poster'), worker: await market.register('worker') };
  };
  /** Lets the requests in progress reach the point where they wait. */
  const settled = async (market: Market) => {
    while (market.clock.alarms === 0) await new Promise(setImmediate);
  };

  it('answers a create with the task once it is delivered', async () => {
    const { market, poster, worker } = await cast();
    const answer = poster.post('/v1/tasks', { need: 'Wait for me', wait: 60 });
    await settled(market);
    const { body } = await worker.post('/v1/tasks/pickup');
    await worker.post(`/v1/tasks/${body.task_id}/deliver`, { result: 'Here' });
    expect(await answer).toMatchObject({ status: 200, body: { status: 'delivered', result: 'Here' } });
  });

  it('answers a create with the task as it is when the time is up', async () => {
    const { market, poster } = await cast();
    const answer = poster.post('/v1/tasks', { need: 'Wait for me', wait: 60 });
    await settled(market);
    for (let s = 0; s < 60; s++) {
      await settled(market);
      market.clock.advance(secondMs);
    }
    expect(await answer).toMatchObject({ status: 201, body: { status: 'posted', result: null, need: 'Wait for me' } });
  });

  it('waits on the same task when the create is repeated with its idempotency key', async () => {
    const { market, poster, worker } = await cast();
    const request = { need: 'Once', wait: 60 };
    const key = { 'idempotency-key': 'the-same' };
    const answers = [poster.post('/v1/tasks', request, key), poster.post('/v1/tasks', request, key)];
    await settled(market);
    const { body } = await worker.post('/v1/tasks/pickup');
    await worker.post(`/v1/tasks/${body.task_id}/deliver`, { result: 'Here' });
    answers.push(poster.post('/v1/tasks', request, key));
    for (const { status, body: task } of await Promise.all(answers)) {
      expect([status, task.task_id, task.result]).toEqual([200, body.task_id, 'Here']);
    }
    expect((await poster.get('/v1/tasks/mine')).body.total).toBe(1);
  });

  it('answers a read when the status changes', async () => {
    const { market, poster, worker } = await cast();
    const id = await postTask(poster);
    const answer = poster.get(`/v1/tasks/${id}?wait=60`);
    await settled(market);
    await worker.post(`/v1/tasks/${id}/pickup`);
    expect((await answer).body.status).toBe('claimed');
  });

  it('answers at once for a task that has ended', async () => {
    const { poster, worker } = await cast();
    const id = await deliverTask(poster, worker);
    await poster.post(`/v1/tasks/${id}/approve`);
    expect((await poster.get(`/v1/tasks/${id}?wait=300`)).body.status).toBe('approved');
  });

  it('is cut to MAX_WAIT_SECONDS', async () => {
    const { market, poster } = await cast({ PINCHWORK_MAX_WAIT_SECONDS: '1' });
    const id = await postTask(poster);
    const answer = poster.get(`/v1/tasks/${id}?wait=300`);
    await settled(market);
    market.clock.advance(secondMs);
    expect((await answer).body.status).toBe('posted');
  });

  it('takes no longer if the clock is set back during the wait', async () => {
    const clock = new SteppedClock();
    const market = await Market.shared(engine, {}, clock);
    onTestFinished(() => market.close());
    const poster = await market.register('poster');
    const answer = poster.get(`/v1/tasks/${await postTask(poster)}?wait=60`);
    await settled(market);
    clock.step = -hourMs;
    clock.advance(60 * secondMs);
    expect((await answer).body.status).toBe('posted');
  });

  it('ends with an answer when the server stops, and leaves no timer', async () => {
    const { market, poster, worker } = await cast();
    const id = await claimTask(poster, worker);
    const answer = poster.get(`/v1/tasks/${id}?wait=300`);
    await settled(market);
    market.ctx.watch.close();
    expect((await answer).body.status).toBe('claimed');
    expect(market.clock.alarms).toBe(0);
    expect((await poster.get(`/v1/tasks/${id}?wait=300`)).status).toBe(200);
  });

  it('ends when its client disconnects', async () => {
    const { market, poster } = await cast();
    const id = await postTask(poster, { max_credits: 1 });
    const { url } = await listen(market);
    const client = request(new URL(`/v1/tasks/${id}?wait=300`, url), {
      headers: { authorization: `Bearer ${poster.key}` },
    });
    client.on('error', () => undefined).end();
    await until(() => market.ctx.watch.count === 1);
    client.destroy();
    await until(() => market.ctx.watch.count === 0);
  });

  it('answers a committed create with 201, even if the storage fails during the wait', async () => {
    const { market, poster } = await cast();
    const answer = poster.post('/v1/tasks', { need: 'Wait for me', wait: 60 });
    await settled(market);
    await market.ctx.db.close();
    market.clock.advance(60 * secondMs);
    expect(await answer).toMatchObject({ status: 201, body: { status: 'posted', need: 'Wait for me' } });
  });

  it('ends with not_found if the agent may no longer see the task', async () => {
    const { market, poster, worker } = await cast();
    const id = await claimTask(poster, worker, { claim_timeout_minutes: 1 });
    const answer = worker.get(`/v1/tasks/${id}?wait=300`);
    await settled(market);
    market.clock.advance(minuteMs);
    await market.ctx.timers.runDue();
    expect((await answer).status).toBe(404);
  });

  it('is limited together with the event streams of the agent, and a create beyond the limit posts nothing', async () => {
    const { market, poster, worker } = await cast({ PINCHWORK_MAX_STREAMS_PER_AGENT: '2' });
    const task = await postTask(poster, { max_credits: 1 });
    const stream = await market.ctx.streams.open(poster.id, {});
    const waiting = poster.get(`/v1/tasks/${task}?wait=60`);
    await settled(market);
    const before = (await poster.get('/v1/me/credits')).body;
    const refused = [
      await poster.post('/v1/tasks', { need: 'One too many', wait: 1 }),
      await poster.get(`/v1/tasks/${task}?wait=1`),
      await poster.get('/v1/events'),
    ];
    for (const reply of refused) {
      expect(expectError(reply, 429)).toBe('You have 2 event streams and waits open already');
      expect(reply.body.code).toBe('too_many_streams');
    }
    expect((await poster.get('/v1/me/credits')).body).toEqual(before);
    expect((await poster.get('/v1/tasks/mine')).body.total).toBe(1);
    await worker.post(`/v1/tasks/${task}/pickup`);
    expect((await waiting).body.status).toBe('claimed');
    stream.stream.end();
    expect(market.ctx.shares.waits.heldBy(poster.id)).toBe(0);
  });

  it('gives its place back when the create fails', async () => {
    const { market, poster } = await cast({ PINCHWORK_MAX_STREAMS_PER_AGENT: '1' });
    for (let i = 0; i < 2; i++) {
      expectError(await poster.post('/v1/tasks', { need: 'Too dear', max_credits: 100_000, wait: 60 }), 402);
    }
    expect(market.ctx.shares.waits.used).toBe(0);
  });
});

itOnPostgres('a waiting request sees a change by another server without a signal', async () => {
  const market = await Market.fresh(postgres);
  const [poster, worker] = [await market.register('poster'), await market.register('worker')];
  const other = await Market.open(market.url, {}, market.clock);
  onTestFinished(() => other.close());
  const id = await postTask(poster);
  const answer = poster.get(`/v1/tasks/${id}?wait=60`);
  while (market.clock.alarms === 0) await new Promise(setImmediate);
  await other.client(worker.id, worker.key).post(`/v1/tasks/${id}/pickup`);
  await market.ctx.tail.catchUp();
  expect((await answer).body.status).toBe('claimed');
});
