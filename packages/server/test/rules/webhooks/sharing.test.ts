import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { hourMs, secondMs } from '../../../src/ground/clock.ts';
import { ManualClock } from '../../support/clock.ts';
import { itOnPostgres, onBothEngines, postgres, sqlite } from '../../support/engines.ts';
import { Market } from '../../support/market.ts';
import { answer, hang, Receiver } from '../../support/receiver.ts';
import { attempted, deliveries, events, hooked, later, sendingMarket, settled } from './market.ts';
import { openServer, timeoutMs } from '../../support/webhook-servers.ts';
import { until } from '../../support/until.ts';

onBothEngines('receivers that hang or are down', (engine) => {
  it('do not delay the others, which are served while the clock stands still', async () => {
    const { market, worker } = await sendingMarket(engine);
    const [hanging, down, sound] = [await Receiver.open(hang), await Receiver.open(), await Receiver.open()];
    down.close();
    const bad = await Promise.all([...Array<Receiver>(20).fill(hanging), down].map((at) => hooked(market, at)));
    for (const agent of bad) await events(agent, worker, 2);
    await until(() => hanging.received.length === 20);
    const good = await Promise.all(Array.from({ length: 20 }, () => hooked(market, sound)));
    for (const agent of good) await events(agent, worker, 2);
    await until(() => sound.received.length === 40);
    // One delivery at a time to each; none can have timed out, because the clock stands still.
    expect(hanging.received).toHaveLength(20);
    for (const agent of good) await until(async () => (await deliveries(agent, '&status=delivered')).length === 2);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });

  it('delay the others for two seconds if they take all places at once', async () => {
    const { market, worker } = await sendingMarket(engine);
    const [hanging, sound] = [await Receiver.open(hang), await Receiver.open()];
    const crowd = await Promise.all(Array.from({ length: 64 }, () => hooked(market, hanging)));
    for (const agent of crowd) await events(agent, worker, 2);
    await until(() => hanging.received.length === 64);
    const good = await Promise.all(Array.from({ length: 5 }, () => hooked(market, sound)));
    for (const agent of good) await events(agent, worker, 2);
    later(market, 2 * secondMs - 1);
    await market.ctx.db.transact('a turn', async () => undefined);
    expect(sound.received).toHaveLength(0);
    market.clock.advance(1);
    await until(() => sound.received.length === 10);
    // The attempts continue meanwhile, and their outcomes are written.
    later(market, timeoutMs - 2 * secondMs);
    for (const agent of crowd) {
      await until(async () => (await deliveries(agent)).some(({ attempts }) => attempts.length === 1));
    }
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });

  it('get at most half of the places, however many they are', async () => {
    const { market, worker } = await sendingMarket(engine);
    const [hanging, sound] = [await Receiver.open(hang), await Receiver.open()];
    const bad = await Promise.all(Array.from({ length: 70 }, () => hooked(market, hanging)));
    for (const agent of bad) await events(agent, worker);
    await until(() => hanging.received.length === 64);
    // The first of them time out, which makes room for the rest; then all are known to fail.
    later(market, timeoutMs);
    await until(() => hanging.received.length >= 70);
    later(market, timeoutMs);
    for (const agent of bad) await settled(agent, attempted(1));
    const known = async () => {
      const rows = await engine.query(market.url, 'select sum(failing) as failing from webhook_receivers');
      return Number(rows[0]!.failing) === 70;
    };
    await until(known);
    const before = hanging.received.length;
    later(market, 60 * secondMs);
    await until(() => hanging.received.length >= before + 32);
    const good = await Promise.all(Array.from({ length: 5 }, () => hooked(market, sound)));
    for (const agent of good) await events(agent, worker, 3);
    await until(() => sound.received.length === 15);
    expect(hanging.received.length).toBe(before + 32);
  });
});

onBothEngines('receivers that accept everything, but slowly,', (engine) => {
  it('get at most half of the places', async () => {
    const { market, worker } = await sendingMarket(engine);
    const held: ServerResponse[] = [];
    const [slow, sound] = [await Receiver.open((response) => void held.push(response)), await Receiver.open()];
    const crowd = await Promise.all(Array.from({ length: 40 }, () => hooked(market, slow)));
    for (const agent of crowd) await events(agent, worker, 2);
    await until(() => held.length === 40);
    later(market, 2 * secondMs + 1);
    for (const response of held) response.end();
    // All are known to be slow now. Each has another delivery; 32 of them are sent.
    await until(() => {
      market.ctx.webhooks.wake();
      return held.length === 40 + 32;
    });
    const good = await Promise.all(Array.from({ length: 5 }, () => hooked(market, sound)));
    for (const agent of good) await events(agent, worker, 3);
    await until(() => sound.received.length === 15);
    expect(held).toHaveLength(40 + 32);
  });
});

it('a turn ends after ten seconds, even if each answer is fast', async () => {
  const { market, worker } = await sendingMarket(sqlite);
  let held: ServerResponse[] = [];
  const [busy, sound] = [await Receiver.open((response) => void held.push(response)), await Receiver.open()];
  const crowd = await Promise.all(Array.from({ length: 64 }, () => hooked(market, busy)));
  for (const agent of crowd) await events(agent, worker, 8);
  await until(() => held.length === 64);
  const other = await hooked(market, sound);
  await events(other, worker);
  for (let round = 1; round <= 6; round++) {
    const under = held;
    held = [];
    later(market, 1.9 * secondMs);
    for (const response of under) response.end();
    await until(() => held.length === 64 || sound.received.length > 0);
  }
  await until(() => sound.received.length === 1);
  expect(busy.received.length).toBeLessThan(64 * 8);
});

it('at most 32 tests are sent at once, and another one is refused', async () => {
  const { market } = await sendingMarket(sqlite);
  const held: ServerResponse[] = [];
  const agent = await hooked(market, await Receiver.open((response) => void held.push(response)));
  const test = () => agent.post('/v1/me/webhook/test');
  const tests = Array.from({ length: 32 }, test);
  await until(() => held.length === 32);
  expect(await test()).toMatchObject({ status: 503, body: { code: 'overloaded' } });
  for (const response of held.splice(0)) response.end();
  for (const { body } of await Promise.all(tests)) expect(body.status).toBe('delivered');
  const again = test();
  await until(() => held.length === 1);
  held[0]!.end();
  expect((await again).body.status).toBe('delivered');
});

itOnPostgres('several servers share the deliveries, and send none twice', async () => {
  const url = await postgres.marketUrl();
  const clock = new ManualClock();
  const patient = { PINCHWORK_WEBHOOK_TIMEOUT_SECONDS: '300' };
  const open = () => openServer(url, clock, patient);
  const nodes = [await open(), await open(), await open()];
  // No request is answered until more are in progress than one server sends at once.
  const held: ServerResponse[] = [];
  const receiver = await Receiver.open((response) => void held.push(response));
  const [market] = nodes as [Market];
  const worker = await market.register('worker');
  const agents = await Promise.all(Array.from({ length: 70 }, () => hooked(market, receiver)));
  await Promise.all(agents.map((agent) => events(agent, worker, 2)));
  const sent = nodes.map(() => 0);
  for (const [i, { ctx }] of nodes.entries()) {
    ctx.webhooks.observe(() => sent[i]!++);
    ctx.webhooks.start();
  }
  await until(async () => {
    // A server that found nothing looks again after a second; nothing times out before 300 s. One request between two
    // steps of the clock leaves a slow database enough of them.
    await worker.get('/v1/me');
    clock.advance(20);
    return held.length === 70;
  });
  receiver.behaviour = answer(200);
  for (const response of held) response.end();
  for (const agent of agents) await until(async () => (await deliveries(agent, '&status=delivered')).length === 2);
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(140);
  expect(receiver.received).toHaveLength(140);
  expect(sent.filter((count) => count > 0).length).toBeGreaterThan(1);
  expect(sent.reduce((a, b) => a + b)).toBe(140);
});

itOnPostgres.each([
  ['', 0],
  [', also if its clock is an hour behind', hourMs],
])('what a server that stands still has taken, another one sends when the lease is over%s', async (_, behindMs) => {
  const url = await postgres.marketUrl();
  const clock = new ManualClock();
  const [frozen, alive] = [
    await openServer(url, clock),
    await openServer(url, new ManualClock(clock.now() - behindMs)),
  ];
  const receiver = await Receiver.open((response, n) => n > 1 && response.end());
  const worker = await alive.register('worker');
  const agent = await hooked(alive, receiver);
  await events(agent, worker, 3);
  frozen.ctx.webhooks.start();
  await until(() => receiver.received.length === 1);
  alive.ctx.webhooks.start();
  const begin = alive.clock.now();
  await until(async () => {
    if (receiver.received.length === 1) alive.clock.advance(secondMs);
    return (await deliveries(agent, '&status=delivered')).length === 3;
  });
  expect(alive.clock.now()).toBeGreaterThanOrEqual(begin + 1.5 * timeoutMs);
  expect(alive.clock.now()).toBeLessThan(begin + hourMs / 2);
  const numbers = receiver.received.map(({ headers }) => headers['x-pinchwork-event-number']);
  expect(numbers).toEqual(['1', '1', '2', '3']);
  // It resumes, and does no damage.
  frozen.clock.advance(timeoutMs);
  await frozen.ctx.webhooks.stop();
  expect(await deliveries(agent, '&status=delivered')).toHaveLength(3);
  expect((await alive.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
});
