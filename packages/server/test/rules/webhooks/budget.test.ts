import { expect, it, onTestFinished } from 'vitest';
import { minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { mostOfAll, waitFor } from '../../../src/rules/webhooks/budget.ts';
import { ManualClock } from '../../support/clock.ts';
import { itOnPostgres, onBothEngines, postgres } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, Market } from '../../support/market.ts';
import { Receiver } from '../../support/receiver.ts';
import { deliveries, events, hooked, later, privateNetworks, sendingMarket } from './market.ts';
import { until } from '../../support/until.ts';

/** Fills the minute of a host as if agents had sent requests, 60 each. */
const filled = (host: string, { agents, at }: { agents: number; at: number }) =>
  Array.from(
    { length: agents },
    (_, i) => `insert into webhook_requests (host, agent_id, second, count)
      values ('${host}', 'ag-others${String(i).padStart(6, '0')}', ${Math.floor(at / secondMs)}, 60)`,
  );

const waiting = async (agent: Agent) => (await deliveries(agent, '&status=pending')).length;

onBothEngines('a host', (engine) => {
  it('gets 60 requests of one agent in any minute; the rest waits, has not failed, and delays nobody else', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open();
    const [greedy, modest] = [await hooked(market, receiver), await hooked(market, receiver)];
    await events(greedy, worker, 65);
    await until(() => receiver.received.length === 60);
    await events(modest, worker);
    await until(() => receiver.received.length === 61);
    await until(async () => (await deliveries(greedy, '&status=delivered')).length === 60);
    expect((await deliveries(greedy, '&status=pending')).map(({ attempts }) => attempts)).toEqual(Array(5).fill([]));
    expect(await greedy.post('/v1/me/webhook/test')).toMatchObject({
      status: 429,
      body: { code: 'rate_limited' },
      headers: { 'retry-after': expect.stringMatching(/^6[12]$/) },
    });
    expect((await modest.post('/v1/me/webhook/test')).body.status).toBe('delivered');
    later(market, minuteMs);
    await market.ctx.db.transact('a turn', async () => undefined);
    expect(await waiting(greedy)).toBe(5);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
    later(market, 2 * secondMs);
    await until(async () => (await waiting(greedy)) === 0);
    const numbers = receiver.received.map(({ headers }) => Number(headers['x-pinchwork-event-number']));
    expect(numbers.filter((n) => n > 60)).toEqual([61, 62, 63, 64, 65]);
  });

  it('gets 600 requests of all in a minute; agents wait in turn, by its name and by its address', async () => {
    const here = async () => [{ address: '127.0.0.1', family: 4 }];
    const { market, worker } = await sendingMarket(engine, {}, here);
    const receiver = await Receiver.open();
    const first = await hooked(market, receiver);
    const named = await market.register('named', { webhook_url: `http://hooks.example.com:${receiver.port}/hook` });
    await engine.vandalise(market.url, ...filled('127.0.0.1', { agents: 10, at: market.clock.now() }));
    await events(first, worker);
    await rest(first);
    await events(named, worker);
    await rest(named);
    expect(receiver.received).toHaveLength(0);
    expectError(await first.post('/v1/me/webhook/test'), 429);
    later(market, 61 * secondMs + 150);
    await until(() => receiver.received.length === 1);
    expect(receiver.received[0]!.headers.host).toContain('127.0.0.1');
    later(market, secondMs);
    await until(() => receiver.received.length === 2);
    await until(async () => (await waiting(named)) === 0);
    // The counts go when they count no more.
    market.clock.advance(3 * minuteMs);
    await market.ctx.housekeeping.run();
    expect(await engine.query(market.url, 'select * from webhook_requests')).toEqual([]);

    /** Waits until an agent's receiver rests. */
    async function rest(agent: Agent): Promise<void> {
      await until(async () => {
        const [row] = await engine.query(
          market.url,
          `select rest_until from webhook_receivers where agent_id = '${agent.id}'`,
        );
        return Number(row?.rest_until ?? 0) > market.clock.now();
      });
    }
  });
});

it('the last requests of a minute are for agents that have had less than their share', () => {
  const of = (agent_id: string, count: number, second = 0) => ({ agent_id, second, count });
  const crowd = Array.from({ length: 9 }, (_, i) => of(`ag-${i}`, 60));
  expect(waitFor([...crowd, of('me', 29)], 'me')).toBeUndefined();
  // 10 agents and room for another: 54 each.
  expect(waitFor([...crowd, of('me', 54)], 'me')).toEqual({ until: 61 * secondMs, isQueued: false });
  expect(waitFor([...crowd, of('ag-10', 54)], 'me')).toBeUndefined();
  expect(waitFor([...crowd, of('ag-10', 60)], 'me')).toEqual({ until: 61 * secondMs, isQueued: true });
  // An agent waits until enough of its own requests are a minute old.
  const mine = [of('me', 50, 1), of('me', 9, 2), of('me', 1, 3)];
  expect(waitFor(mine, 'me')).toEqual({ until: 62 * secondMs, isQueued: false });
  expect(waitFor([...crowd, ...mine], 'me')).toMatchObject({ until: 62 * secondMs });
  const many = Array.from({ length: mostOfAll }, (_, i) => of(`ag-${i}`, 1, i % 60));
  expect(waitFor(many, 'ag-7')).toMatchObject({ isQueued: false });
  expect(waitFor(many, 'me')).toEqual({ until: 61 * secondMs, isQueued: true });
});

itOnPostgres('three servers together keep to the budget of a host', async () => {
  const url = await postgres.marketUrl();
  const clock = new ManualClock();
  const open = async () => {
    const market = await Market.open(url, { ...privateNetworks, PINCHWORK_INITIAL_CREDITS: '100000' }, clock);
    onTestFinished(() => market.close());
    return market;
  };
  const nodes = [await open(), await open(), await open()];
  const [market] = nodes as [Market];
  const receiver = await Receiver.open();
  const worker = await market.register('worker');
  const agents = await Promise.all(Array.from({ length: 3 }, () => hooked(market, receiver)));
  await postgres.vandalise(url, ...filled('127.0.0.1', { agents: 9, at: clock.now() }));
  for (const agent of agents) await events(agent, worker, 25);
  for (const { ctx } of nodes) ctx.webhooks.start();
  const wake = () => {
    for (const { ctx } of nodes) ctx.webhooks.wake();
  };
  await until(() => {
    wake();
    return receiver.received.length >= 60;
  });
  // All that are left rest, without an attempt.
  await until(async () => {
    wake();
    const rows = await postgres.query(url, 'select rest_until from webhook_receivers where due_at is not null');
    return rows.every(({ rest_until }) => Number(rest_until) > clock.now());
  });
  expect(receiver.received).toHaveLength(60);
});
