import { expect, it, onTestFinished } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../src/ground/clock.ts';
import { onBothEngines } from '../support/engines.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../support/market.ts';
import { answer, Receiver } from '../support/receiver.ts';
import { converse, listen, numbers, StreamReader } from '../support/streams.ts';
import {
  attempted,
  deliveries,
  events,
  hooked,
  later,
  privateNetworks,
  sendingMarket,
  settled,
} from '../rules/webhooks/market.ts';
import { until } from '../support/until.ts';

/** A clock can be set wrong by an operator or by a machine that wakes up. This may shift deadlines and nothing else. */
onBothEngines('a clock that is set by an hour', (engine) => {
  const expectGoodBooks = async (market: Market) =>
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  const statusOf = async (agent: Agent, task: string) => (await agent.get(`/v1/tasks/${task}`)).body.status;

  it('forward, makes the transitions due by then; back again, undoes none of them', async () => {
    const market = await Market.fresh(engine);
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const due = await postTask(poster, { max_credits: 10, deadline_minutes: 30 });
    const claimed = await claimTask(poster, worker, { max_credits: 10, claim_timeout_minutes: 30 });
    const open = await postTask(poster, { max_credits: 10, deadline_minutes: 90 });

    await market.pass(hourMs);
    expect(await statusOf(poster, due)).toBe('expired');
    expect(await statusOf(poster, claimed)).toBe('posted');
    expect(await statusOf(poster, open)).toBe('posted');
    await expectGoodBooks(market);

    await market.pass(-hourMs);
    expect(await statusOf(poster, due)).toBe('expired');
    expect((await worker.post(`/v1/tasks/${claimed}/deliver`, { result: 'Seven' })).status).toBe(409);
    expect((await worker.post(`/v1/tasks/${claimed}/pickup`)).status).toBe(200);
    expect((await worker.post(`/v1/tasks/${claimed}/deliver`, { result: 'Seven' })).status).toBe(200);
    await expectGoodBooks(market);
    // By this clock an hour and a half is left, as at the start.
    await market.pass(90 * minuteMs - secondMs);
    expect(await statusOf(poster, open)).toBe('posted');
    await market.pass(secondMs);
    expect(await statusOf(poster, open)).toBe('expired');
    expect(await market.balanceOf(poster)).toBe(90);
    await expectGoodBooks(market);
  });

  it('back, delays deadlines by an hour, and none comes early', async () => {
    const market = await Market.fresh(engine);
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const delivered = await deliverTask(poster, worker, { max_credits: 10, review_timeout_minutes: 30 });
    await market.pass(-hourMs);
    await market.pass(89 * minuteMs);
    expect(await statusOf(poster, delivered)).toBe('delivered');
    await market.pass(minuteMs);
    expect(await statusOf(poster, delivered)).toBe('approved');
    await expectGoodBooks(market);
  });

  it.each([-hourMs, hourMs])('still knows what was done under an idempotency key (%i ms)', async (step) => {
    const market = await Market.fresh(engine);
    const poster = await market.register();
    const order = { need: 'Count the words', max_credits: 10 };
    const key = { 'idempotency-key': 'one order' };
    const first = await poster.post('/v1/tasks', order, key);
    await market.pass(step);
    await market.ctx.housekeeping.run();
    const again = await poster.post('/v1/tasks', order, key);
    expect(again).toMatchObject({ headers: { 'idempotency-replayed': 'true' }, body: first.body });
    expect(await market.balanceOf(poster)).toBe(90);
  });

  it('back, keeps nobody out for longer than a window lasts, and lets nobody send more than one window holds', async () => {
    const market = await Market.fresh(engine, {
      PINCHWORK_RATE_LIMIT_REGISTER: '1/hour',
      PINCHWORK_RATE_LIMIT_CREATE: '2/minute',
    });
    const agent = await market.register();
    const post = async () => (await agent.post('/v1/tasks', { need: 'Count the words', max_credits: 1 })).status;
    const threeMore = async () => [await post(), await post(), await post()];
    expect(await threeMore()).toEqual([201, 201, 429]);
    await market.ctx.limits.merge();
    await expect(market.register()).rejects.toThrow('429');

    await market.pass(-hourMs);
    expect(await threeMore()).toEqual([201, 201, 429]);
    for (let i = 0; i < 3; i++) {
      await market.ctx.limits.merge();
      market.clock.advance(secondMs);
      expect(await post()).toBe(429);
    }
    await market.register();
    await expect(market.register()).rejects.toThrow('429');
    market.clock.advance(minuteMs);
    expect(await post()).toBe(201);
  });

  it('back, leaves ids and events in the order in which things happened', async () => {
    const market = await Market.fresh(engine);
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const tasks: string[] = [];
    for (const step of [0, -hourMs, 0, 2 * hourMs, -hourMs]) {
      await market.pass(step);
      tasks.push(await claimTask(poster, worker, { max_credits: 1 }));
    }
    expect(tasks).toEqual([...tasks].sort());
    const numbers = `select number, task_id from events where agent_id = '${poster.id}' order by number`;
    const events = await engine.query(market.url, numbers);
    expect(events.map(({ task_id }) => task_id)).toEqual(tasks);
    await expectGoodBooks(market);
  });

  it('does not cut streams, and they continue in order', async () => {
    const market = await Market.fresh(engine);
    const { poster, say } = await converse(market);
    const { url } = await listen(market);
    const reader = await StreamReader.open(url, poster);
    await reader.until(({ lastId }) => lastId === 1);
    let told = 0;
    for (const step of [hourMs, -hourMs, -hourMs, hourMs]) {
      market.clock.advance(step);
      market.ctx.streams.look();
      await say(2);
      await reader.untilMessages((told += 2));
    }
    expect(reader.ended).toBe(false);
    expect(reader.ids).toEqual(numbers(2, told + 1));
  });

  it('back, holds up no webhook that waits for one before it', async () => {
    const { market, worker } = await sendingMarket(engine);
    const first = Promise.withResolvers<undefined>();
    const receiver = await Receiver.open(
      (response, n) => void first.promise.then(() => response.writeHead(200).end(`${n}`)),
    );
    const agent = await hooked(market, receiver);
    await events(agent, worker, 3);
    await until(() => receiver.received.length === 1);
    later(market, -hourMs);
    first.resolve(undefined);
    await until(async () => (await deliveries(agent, '&status=delivered')).length === 3);
  });

  it('back, holds up no webhook but one that is to be tried again, and that by an hour; forward, it is tried at once', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open(answer(500));
    const agent = await hooked(market, receiver);
    await events(agent, worker);
    await settled(agent, attempted(1));
    receiver.behaviour = answer(200);

    later(market, -hourMs);
    await events(agent, worker, 3);
    await until(async () => (await deliveries(agent, '&status=delivered')).length === 3);
    expect((await deliveries(agent, '&status=pending')).map(({ event_number }) => event_number)).toEqual([1]);

    later(market, hourMs + 2 * secondMs);
    await until(async () => (await deliveries(agent, '&status=delivered')).length === 4);
    expect(receiver.received.map(({ headers }) => headers['x-pinchwork-event-number'])).toEqual([
      '1',
      '2',
      '3',
      '4',
      '1',
    ]);
    await expectGoodBooks(market);
  });

  it('back while the server was down, holds up no webhook that it had not begun to send', async () => {
    const url = await engine.marketUrl();
    const before = await Market.open(url, privateNetworks);
    const receiver = await Receiver.open();
    const { id, key } = await hooked(before, receiver);
    await events(before.client(id, key), await before.register('worker'), 2);
    // More waiting receivers than one batch reads; their wait is correct.
    const waiting = `with recursive n (i) as (select 1 union all select i + 1 from n where i < 1200)
      insert into webhook_receivers (agent_id, due_at, failing)
        select 'ag-waits' || i, ${before.clock.now() - hourMs / 2}, i % 2 from n`;
    await engine.vandalise(url, waiting);
    await before.close();
    before.clock.advance(-hourMs);

    const market = await Market.open(url, privateNetworks, before.clock);
    onTestFinished(() => market.close());
    market.ctx.webhooks.start();
    await until(() => {
      market.ctx.webhooks.wake();
      return receiver.received.length === 2;
    });
    const left = await engine.query(
      url,
      `select count(*) as n from webhook_receivers where due_at > ${market.clock.now()}`,
    );
    expect(Number(left[0]!.n)).toBe(1200);
  });

  it('back while the server was down, loses nothing: all is there once, if not in the order of its making', async () => {
    const url = await engine.marketUrl();
    const before = await Market.open(url);
    const poster = await before.register();
    const tasks = [await postTask(poster, { max_credits: 1 }), await postTask(poster, { max_credits: 1 })];
    await before.close();
    before.clock.advance(-hourMs);

    const market = await Market.open(url, {}, before.clock);
    onTestFinished(() => market.close());
    const agent = market.client(poster.id, poster.key);
    for (let i = 0; i < 3; i++) tasks.push(await postTask(agent, { max_credits: 1 }));
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await agent.get(`/v1/tasks/mine?limit=2${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      seen.push(...(body.tasks as { task_id: string }[]).map(({ task_id }) => task_id));
      cursor = body.next_cursor;
    }
    expect(seen.sort()).toEqual(tasks.sort());
    await expectGoodBooks(market);
  });
});
