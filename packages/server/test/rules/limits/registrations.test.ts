import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { networksOf } from '../../../src/rules/limits/network.ts';
import { describeOnPostgres, onBothEngines, postgres } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market, type Reply } from '../../support/market.ts';
import { readTables } from '../../support/tables.ts';

const perHour = (count: number, more: Record<string, string> = {}) => ({
  PINCHWORK_RATE_LIMIT_REGISTER: `${count}/hour`,
  ...more,
});

const registerFrom = (market: Market, remoteAddress: string, headers: Record<string, string> = {}, name = 'x') =>
  market.request({ method: 'POST', url: '/v1/register', remoteAddress, payload: JSON.stringify({ name }), headers });

/** How many of these addresses may register, one after the other. */
async function registered(market: Market, addresses: readonly string[]): Promise<number> {
  let count = 0;
  for (const address of addresses) if ((await registerFrom(market, address)).status === 201) count++;
  return count;
}

const hex = (number: number) => number.toString(16);
const many = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
const statuses = (replies: readonly Reply[]) => replies.map(({ status }) => status);

/** As many registrations as a /48 is allowed, from networks of /64 that are in as many networks of /56 as there are. */
const wholeOf48 = (prefix: string) => many(20, (i) => `${prefix}:${hex(i << 8)}::1`);

onBothEngines('registrations', (engine) => {
  it('from a /56 are ten times the limit, from a /48 twenty times, and other networks are not concerned', async () => {
    const market = await Market.fresh(engine, perHour(1));
    expect(
      await registered(
        market,
        many(12, (i) => `2001:db8:1:ab${hex(i).padStart(2, '0')}::1`),
      ),
    ).toBe(10);
    expect(
      await registered(
        market,
        many(12, (i) => `2001:db8:1:${hex((i + 1) << 8)}::1`),
      ),
    ).toBe(10);
    expect(await registered(market, ['2001:db8:1:ffff::1', '2001:db8:2::1', '203.0.113.1'])).toBe(2);
  });

  it('from an IPv4 /24 are twenty times the limit, written as IPv6 too', async () => {
    const market = await Market.fresh(engine, perHour(2));
    const addresses = many(22, (i) => `${i % 2 === 0 ? '' : '::ffff:'}198.51.100.${i}`);
    expect(await registered(market, [...addresses, ...addresses])).toBe(40);
    expect(await registered(market, ['198.51.101.1'])).toBe(1);
  });

  it('say what is left where least is left, and when a refused one may try again', async () => {
    const market = await Market.fresh(engine, perHour(3));
    const left = async (address: string) => {
      const { headers } = await registerFrom(market, address);
      return [headers['ratelimit-limit'], headers['ratelimit-remaining'], headers['retry-after']];
    };
    expect(await left('198.51.100.0')).toEqual(['3', '2', undefined]);
    await registered(
      market,
      many(57, (i) => `198.51.100.${1 + (i % 19)}`),
    );
    expect(await left('198.51.100.20')).toEqual(['60', '1', undefined]);
    await left('198.51.100.20');
    market.clock.advance(20 * minuteMs);
    expect(await left('198.51.100.21')).toEqual(['60', '0', '2400']);
    market.clock.advance(40 * minuteMs);
    expect((await left('198.51.100.21'))[2]).toBeUndefined();
  });

  it('that are refused are counted in no window', async () => {
    const market = await Market.fresh(engine, perHour(1));
    await registered(market, wholeOf48('2001:db8:1'));
    const before = (await readTables(market.url)).rate_windows;
    expect(await registered(market, ['2001:db8:1:0::1', '2001:db8:1:ff00::1'])).toBe(0);
    expect((await readTables(market.url)).rate_windows).toEqual(before);
  });

  it('of a crowd of networks are braked, and a newcomer from any other network still registers', async () => {
    const market = await Market.fresh(engine, perHour(1));
    const crowd = many(10, (i) => wholeOf48(`2001:db8:${hex(i + 1)}`)).flat();
    expect(await registered(market, crowd.slice(0, -1))).toBe(199);
    expect(await registered(market, ['198.51.100.1', '198.51.100.2', crowd.at(-1)!])).toBe(1);
    // Each network that has not registered yet may, once.
    expect(await registered(market, ['203.0.113.1', '203.0.113.2', '2a00:1:2::1', '2a00:1:2:100::1'])).toBe(2);
    market.clock.advance(hourMs);
    expect(await registered(market, ['198.51.100.2', crowd.at(-1)!])).toBe(2);
  });

  it('of one flood through a /48 do not keep an honest newcomer out, at the same moment', async () => {
    const market = await Market.fresh(engine, perHour(1));
    const flood = many(60, (i) => registerFrom(market, `2001:db8:1:${hex(i * 1_001)}::1`));
    const honest = many(3, (i) => registerFrom(market, `2001:db8:${i + 2}::1`));
    expect(statuses(await Promise.all(honest))).toEqual([201, 201, 201]);
    expect(statuses(await Promise.all(flood)).filter((status) => status === 201)).toHaveLength(20);
  });

  it('that repeat one with its idempotency key cost nothing, also at the same moment', async () => {
    const market = await Market.fresh(engine, perHour(1));
    const once = { 'idempotency-key': randomUUID() };
    const replies = await Promise.all(many(8, () => registerFrom(market, '203.0.113.9', once)));
    expect(statuses(replies)).toEqual(Array<number>(8).fill(201));
    expect(new Set(replies.map(({ body }) => body.api_key)).size).toBe(1);
    expectError(await registerFrom(market, '203.0.113.9', { 'idempotency-key': randomUUID() }), 429);
    expectError(await registerFrom(market, '203.0.113.9'), 429);
    expect(JSON.stringify(await readTables(market.url))).not.toContain(once['idempotency-key']);
  });

  it('that repeat one are known as long as its answer is kept, however short the window of the limit', async () => {
    const market = await Market.fresh(engine, { PINCHWORK_RATE_LIMIT_REGISTER: '1/minute' });
    const register = () => registerFrom(market, '203.0.113.7', { 'idempotency-key': 'repeated-soon-after' });
    const first = await register();
    expect(first.status).toBe(201);
    const again = await register();
    expect([again.status, again.body.api_key]).toEqual([201, first.body.api_key]);
  });

  it('that repeat one are bounded like requests without a key', async () => {
    const market = await Market.fresh(engine, perHour(1, { PINCHWORK_RATE_LIMIT_READ: '3/minute' }));
    const once = { 'idempotency-key': randomUUID() };
    const replies: Reply[] = [];
    for (let i = 0; i < 5; i++) replies.push(await registerFrom(market, '203.0.113.9', once));
    expect(statuses(replies)).toEqual([201, 201, 201, 201, 429]);
    // A key that was refused at the limit is not known as counted.
    const other = { 'idempotency-key': randomUUID() };
    for (let i = 0; i < 2; i++) expectError(await registerFrom(market, '203.0.113.9', other), 429);
    market.clock.advance(hourMs);
    expect((await registerFrom(market, '203.0.113.9', other)).status).toBe(201);
    // The record has expired: the same key is another registration.
    market.clock.advance(11 * minuteMs);
    expectError(await registerFrom(market, '203.0.113.9', other), 429);
  });

  it('that fail and are repeated with the same key make no more than one account', async () => {
    const market = await Market.fresh(engine, perHour(1));
    const once = { 'idempotency-key': randomUUID() };
    expectError(await registerFrom(market, '203.0.113.9', once, 'Pinchwork'), 400);
    expect((await registerFrom(market, '203.0.113.9', once, 'somebody')).status).toBe(201);
    expectError(await registerFrom(market, '203.0.113.9', once, 'another'), 422);
    expect((await readTables(market.url)).agents).toHaveLength(1);
  });
});

describeOnPostgres('registrations on three servers', () => {
  it('are counted together, network by network and in all', async () => {
    const url = await postgres.marketUrl();
    const one = await Market.open(url, perHour(1));
    const servers = [one, await Market.open(url, perHour(1), one.clock), await Market.open(url, perHour(1), one.clock)];
    onTestFinished(async () => {
      for (const server of servers) await server.close();
    });
    /** The servers in turn. */
    const at = (i: number) => servers[i % servers.length]!;
    const flood = many(60, (i) => registerFrom(at(i), `2001:db8:1:${hex(i << 8)}::1`));
    expect(statuses(await Promise.all(flood)).filter((status) => status === 201)).toHaveLength(20);
    const crowd = many(12, (i) => wholeOf48(`2001:db8:${hex(i + 2)}`)).flat();
    // In waves, so that none waits too long for a database connection, however slow the machine is.
    const rest: Reply[] = [];
    for (let i = 0; i < crowd.length; i += 24) {
      const wave = crowd.slice(i, i + 24).map((address, n) => registerFrom(at(n), address));
      rest.push(...(await Promise.all(wave)));
    }
    // The brake holds at 180 more; each of the twelve networks may also register once as a newcomer.
    const most = 180 + 12;
    const count = statuses(rest).filter((status) => status === 201).length;
    expect(count).toBeGreaterThanOrEqual(180);
    expect(count).toBeLessThanOrEqual(most);
    const once = { 'idempotency-key': randomUUID() };
    const repeated = await Promise.all(many(6, (i) => registerFrom(at(i), '192.0.2.1', once)));
    expect(statuses(repeated)).toEqual(many(6, () => 201));
  });
});

describe('the networks of an address', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9', undefined, '203.0.113.0/24'],
    ['::ffff:203.0.113.9', '203.0.113.9', undefined, '203.0.113.0/24'],
    ['2001:db8:1:abcd::9', '2001:db8:1:abcd', '2001:db8:1:ab00/56', '2001:db8:1/48'],
    ['2001:db8::1', '2001:db8:0:0', '2001:db8:0:0/56', '2001:db8:0/48'],
    ['nonsense', 'nonsense', undefined, 'nonsense'],
  ])('of %s', (address, own, site, wide) => {
    expect(networksOf(address)).toEqual({ own, site, wide });
  });
});
