import { limitNames } from '@pinchwork/sdk/table';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { ManualClock } from '../../support/clock.ts';
import { onBothEngines, postgres, sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, claimTask, deliverTask, Market, postTask, type Reply } from '../../support/market.ts';
import { limited } from '../../support/rate-limits.ts';

async function registerFrom(
  market: Market,
  remoteAddress: string,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return market.request({ method: 'POST', url: '/v1/register', remoteAddress, payload: '{"name": "x"}', headers });
}

const getFrom = (market: Market, url: string, remoteAddress: string, headers: Record<string, string> = {}) =>
  market.request({ method: 'GET', url, remoteAddress, headers });

const statuses = (replies: readonly Reply[]) => replies.map(({ status }) => status);

/** A request of each kind that can be repeated. */
const requests: Record<
  Exclude<(typeof limitNames)[number], 'register'>,
  (market: Market, agent: Agent) => Promise<Reply>
> = {
  create: (_, agent) => agent.post('/v1/tasks', { need: 'x', max_credits: 1 }),
  pickup: (_, agent) => agent.post('/v1/tasks/pickup'),
  deliver: (_, agent) => agent.post('/v1/tasks/tk-000000000000/deliver', { result: 'x' }),
  read: (_, agent) => agent.get('/v1/me'),
  write: (_, agent) => agent.post('/v1/tasks/tk-000000000000/cancel'),
  admin: (market) => market.admin.get('/v1/admin/log'),
};

onBothEngines('a limit', (engine) => {
  it.each(Object.entries(requests))('on %s allows exactly its number of requests', async (name, send) => {
    const market = await Market.fresh(engine, limited(name, '30/minute'));
    const agent = await market.register();
    for (let left = 29; left >= 0; left--) {
      const reply = await send(market, agent);
      expect(reply.status).not.toBe(429);
      expect(reply.headers).toMatchObject({
        'ratelimit-limit': '30',
        'ratelimit-remaining': String(left),
        'ratelimit-reset': '60',
        'x-ratelimit-limit': '30',
        'x-ratelimit-remaining': String(left),
        'x-ratelimit-reset': String((market.clock.now() + minuteMs) / secondMs),
      });
    }
    const refused = await send(market, agent);
    expect(expectError(refused, 429)).toBe('Too many requests: no more than 30 per minute are allowed here');
    expect(refused.body.code).toBe('rate_limited');
    expect(refused.headers).toMatchObject({ 'retry-after': '60', 'ratelimit-remaining': '0' });

    // Waiting as long as the reply says is enough, and no less.
    market.clock.advance(minuteMs - 1);
    expect((await send(market, agent)).status).toBe(429);
    market.clock.advance(1);
    expect((await send(market, agent)).status).not.toBe(429);
  });

  it('that begins within a second reports its end in whole seconds, rounded up', async () => {
    const start = Date.UTC(2030, 0, 1);
    const clock = new ManualClock(start + 1);
    const market = await Market.shared(engine, limited('read', '2/minute'), clock);
    onTestFinished(() => market.close());
    const agent = await market.register();
    const end = String(start / secondMs + 61);
    const resets = async () => {
      const { headers } = await agent.get('/v1/me');
      return [headers['ratelimit-reset'], headers['x-ratelimit-reset'], headers['retry-after']];
    };
    expect(await resets()).toEqual(['60', end, undefined]);
    clock.advance(1);
    expect(await resets()).toEqual(['60', end, undefined]);
    clock.advance(998);
    expect(await resets()).toEqual(['60', end, '60']);
    clock.advance(1);
    expect(await resets()).toEqual(['59', end, '59']);
    clock.advance(minuteMs - 1_001);
    expect(await resets()).toEqual(['1', end, '1']);
    clock.advance(1);
    expect(await resets()).toEqual(['60', String(start / secondMs + 121), undefined]);
  });

  it('on registration holds per address, on every server and across a restart', async () => {
    const url = await engine.marketUrl();
    const settings = limited('register', '5/hour');
    const first = await Market.open(url, settings);
    const second = engine === postgres ? await Market.open(url, settings, first.clock) : first;
    const replies: Reply[] = [];
    for (let i = 0; i < 3; i++) {
      replies.push(await registerFrom(first, '203.0.113.9'), await registerFrom(second, '203.0.113.9'));
    }
    expect(statuses(replies)).toEqual([201, 201, 201, 201, 201, 429]);
    expect(replies[5]!.headers['retry-after']).toBe('3600');
    expect((await registerFrom(first, '203.0.113.10')).status).toBe(201);
    await first.close();
    if (second !== first) await second.close();

    const third = await Market.open(url, settings, first.clock);
    expectError(await registerFrom(third, '203.0.113.9'), 429);
    third.clock.advance(hourMs);
    expect((await registerFrom(third, '203.0.113.9')).status).toBe(201);
    await third.close();
  });

  it('on registration is exact for simultaneous requests', async () => {
    const market = await Market.fresh(engine, limited('register', '5/hour'));
    const all = Array.from({ length: 20 }, () => registerFrom(market, '203.0.113.9'));
    expect(statuses(await Promise.all(all)).sort()).toEqual([
      ...Array<number>(5).fill(201),
      ...Array<number>(15).fill(429),
    ]);
    expect(await engine.query(market.url, 'select id from agents')).toHaveLength(5);
  });

  it('ends with its window', async () => {
    const market = await Market.fresh(engine, limited('register', '5/hour'));
    await registerFrom(market, '203.0.113.9');
    market.clock.advance(hourMs);
    await market.ctx.housekeeping.run();
    expect(await engine.query(market.url, 'select key from rate_windows')).toEqual([]);
  });

  it('whose window is changed at a restart counts from zero', async () => {
    const url = await engine.marketUrl();
    const before = await Market.open(url, { ...limited('register', '1/day'), ...limited('read', '100/day') });
    const agent = await before.register();
    for (let i = 0; i < 5; i++) await agent.get('/v1/me');
    await before.ctx.limits.merge();
    await before.close();

    const settings = { ...limited('register', '1/minute'), ...limited('read', '2/minute') };
    const after = await Market.open(url, settings, before.clock);
    expect((await registerFrom(after, '127.0.0.1')).status).toBe(201);
    const same = after.client(agent.id, agent.key);
    expect(statuses([await same.get('/v1/me'), await same.get('/v1/me')])).toEqual([200, 200]);
    await after.ctx.limits.merge();
    after.clock.advance(minuteMs - 1);
    expectError(await same.get('/v1/me'), 429);
    after.clock.advance(1);
    expect((await same.get('/v1/me')).status).toBe(200);
    await after.close();
  });

  it('refuses before anything is changed', async () => {
    const market = await Market.fresh(engine, limited('create', '1/minute'));
    const agent = await market.register();
    await postTask(agent, { max_credits: 10 });
    // Also before the body is read.
    expectError(await agent.post('/v1/tasks', 'not: [good'), 429);
    expectError(await agent.post('/v1/tasks', { need: 'x' }), 429);
    expect(await market.balanceOf(agent)).toBe(90);
    expect((await agent.get('/v1/tasks/mine')).body.total).toBe(1);
  });
});

describe('a limit of one server', () => {
  const open = (env: Record<string, string> = {}) => Market.fresh(sqlite, env);

  it('counts each agent and each kind of request separately', async () => {
    const market = await open({ ...limited('read', '2/minute'), ...limited('write', '1/minute') });
    const [one, other] = [await market.register(), await market.register()];
    for (const agent of [one, other]) {
      expect(statuses([await agent.get('/v1/me'), await agent.get('/v1/me'), await agent.get('/v1/me')])).toEqual([
        200, 200, 429,
      ]);
      expect((await agent.patch('/v1/me', {})).status).toBe(200);
      expectError(await agent.patch('/v1/me', {}), 429);
    }
  });

  it('is exact for sixty simultaneous requests', async () => {
    const market = await open(limited('read', '30/minute'));
    const agent = await market.register();
    const replies = await Promise.all(Array.from({ length: 60 }, () => agent.get('/v1/me')));
    expect(statuses(replies).filter((status) => status === 200)).toHaveLength(30);
  });

  it('also counts pickups, deliveries and posts that are refused for other reasons', async () => {
    const market = await open(limited('pickup', '2/minute'));
    const [poster, worker] = [await market.register(), await market.register()];
    await claimTask(poster, worker);
    expectError(await worker.post('/v1/tasks/odd/pickup'), 404);
    expectError(await worker.post('/v1/tasks/pickup/batch'), 429);
  });

  it('counts a refusal for a missing scope or for a suspension against the agent', async () => {
    const market = await open(limited('create', '2/minute'));
    const agent = await market.register();
    const { body } = await agent.post('/v1/me/keys', { name: 'reader', scopes: ['read'] });
    const reader = market.client(agent.id, body.api_key);
    const create = (by: Agent) => by.post('/v1/tasks', { need: 'x', max_credits: 1 });
    const replies = [await create(reader), await create(reader), await create(reader), await create(agent)];
    expect(statuses(replies)).toEqual([403, 403, 429, 429]);
    expect(replies[1]!.headers['ratelimit-remaining']).toBe('0');
    market.clock.advance(minuteMs);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: agent.id, suspended: true });
    const suspended = [await create(agent), await create(reader), await create(agent)];
    expect(statuses(suspended)).toEqual([403, 403, 429]);
    expect(suspended[1]!.body.code).toBe('agent_suspended');
  });

  it('counts requests for an admin API that is off by address', async () => {
    const market = await open({ ...limited('read', '1/minute'), PINCHWORK_ADMIN_KEY: '' });
    expect(statuses([await market.admin.get('/v1/admin/log'), await market.admin.get('/v1/admin/log')])).toEqual([
      501, 429,
    ]);
  });

  it('that is off adds nothing to a reply', async () => {
    const market = await open();
    const agent = await market.register();
    const { headers } = await agent.get('/v1/me');
    expect(Object.keys(headers).filter((name) => name.includes('ratelimit'))).toEqual([]);
  });

  it('on reads counts requests without a valid key by address, and never refuses a valid key', async () => {
    const market = await open(limited('read', '3/minute'));
    const agent = await market.register();
    const wrong = { authorization: 'Bearer pwk-wrong' };
    const here = '203.0.113.9';
    expect((await getFrom(market, '/v1/me', here, wrong)).status).toBe(401);
    expect((await getFrom(market, '/v1/me', here)).status).toBe(401);
    expect((await getFrom(market, '/v1/admin/log', here, wrong)).status).toBe(403);
    const refused = await getFrom(market, '/v1/me', here, wrong);
    expectError(refused, 429);
    expectError(await getFrom(market, '/v1/admin/log', here, wrong), 429);
    expectError(await getFrom(market, '/nowhere', here), 429);
    for (let i = 0; i < 3; i++) {
      expect((await getFrom(market, '/v1/me', here, { authorization: `Bearer ${agent.key}` })).status).toBe(200);
    }
    expect((await getFrom(market, '/v1/me', '203.0.113.10', wrong)).status).toBe(401);
  });

  it('on reads counts unknown paths and wrong methods by address', async () => {
    const market = await open(limited('read', '2/minute'));
    expect((await getFrom(market, '/nowhere', '203.0.113.9')).status).toBe(404);
    expect((await market.request({ method: 'DELETE', url: '/v1/me/stats', remoteAddress: '203.0.113.9' })).status).toBe(
      405,
    );
    expect((await getFrom(market, '/nowhere', '203.0.113.9')).status).toBe(429);
  });

  it('does not count health checks', async () => {
    const market = await open(limited('read', '1/minute'));
    for (let i = 0; i < 5; i++) {
      for (const path of ['/health', '/health/ready']) {
        const { status, headers } = await getFrom(market, path, '203.0.113.9');
        expect(status).toBe(200);
        expect(headers['ratelimit-limit']).toBeUndefined();
      }
    }
  });

  it('counts an IPv6 network of 64 bits as one, and IPv4 in IPv6 as IPv4', async () => {
    const market = await open(limited('register', '1/hour'));
    for (const [first, same, other] of [
      ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1'],
      ['198.51.100.7', '::ffff:198.51.100.7', '198.51.100.8'],
    ] as const) {
      expect((await registerFrom(market, first)).status).toBe(201);
      expectError(await registerFrom(market, same), 429);
      expect((await registerFrom(market, other)).status).toBe(201);
    }
  });

  it('believes X-Forwarded-For from listed proxies only', async () => {
    const forwarded = { 'x-forwarded-for': '198.51.100.7' };
    const open = await Market.fresh(sqlite, limited('register', '1/hour'));
    expect((await registerFrom(open, '203.0.113.9')).status).toBe(201);
    expectError(await registerFrom(open, '203.0.113.9', forwarded), 429);

    const behind = await Market.fresh(sqlite, {
      ...limited('register', '1/hour'),
      PINCHWORK_TRUST_PROXY: '10.0.0.0/8',
    });
    expect((await registerFrom(behind, '10.1.2.3', forwarded)).status).toBe(201);
    expectError(await registerFrom(behind, '10.9.9.9', forwarded), 429);
    expect((await registerFrom(behind, '10.1.2.3', { 'x-forwarded-for': '198.51.100.8' })).status).toBe(201);
    expect((await registerFrom(behind, '203.0.113.9', forwarded)).status).toBe(201);
  });

  it('does not last longer if the clock is set back', async () => {
    const market = await open(limited('read', '1/minute'));
    const agent = await market.register();
    await agent.get('/v1/me');
    market.clock.advance(-hourMs);
    expect((await agent.get('/v1/me')).status).toBe(200);
    expectError(await agent.get('/v1/me'), 429);
    market.clock.advance(minuteMs);
    expect((await agent.get('/v1/me')).status).toBe(200);
  });
});

it('a delivery that is refused at the limit can be repeated', async () => {
  const market = await Market.fresh(sqlite, limited('deliver', '1/minute'));
  const [poster, worker] = [await market.register(), await market.register()];
  await deliverTask(poster, worker, { max_credits: 1 });
  const task = await claimTask(poster, worker, { max_credits: 1 });
  const once = { 'idempotency-key': 'a delivery' };
  expectError(await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Done' }, once), 429);
  market.clock.advance(minuteMs);
  expect((await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Done' }, once)).status).toBe(200);
});
