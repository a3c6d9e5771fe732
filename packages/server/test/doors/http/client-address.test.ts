import { expect, it } from 'vitest';
import { knownHops } from '../../../src/doors/http/client-address.ts';
import { sqlite } from '../../support/engines.ts';
import { Market } from '../../support/market.ts';

it.each([
  ['192.0.2.9', '192.0.2.9'],
  ['192.0.2.9:40001', '192.0.2.9'],
  ['[2001:db8::9]:40001', '2001:db8::9'],
  ['[2001:DB8::9]', '2001:db8::9'],
  ['"[2001:db8::9]:1"', '2001:db8::9'],
  ['2001:db8:0::0:9', '2001:db8::9'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::ffff:192.0.2.9', '192.0.2.9'],
  ['198.51.100.1:1, 192.0.2.9:2,10.0.0.1:3', '198.51.100.1, 192.0.2.9, 10.0.0.1'],
  ['unknown', ''],
  ['', ''],
  ['198.51.100.1, unknown, 192.0.2.9', '192.0.2.9'],
  ['198.51.100.1, _hidden', ''],
  ['client.example:80, 192.0.2.9', '192.0.2.9'],
  ['1.2.3, 192.0.2.9', '192.0.2.9'],
])('X-Forwarded-For: %s names %s', (header, hops) => {
  expect(knownHops(header)).toBe(hops);
});

const behindProxy = { PINCHWORK_TRUST_PROXY: '127.0.0.1,10.0.0.0/8', PINCHWORK_RATE_LIMIT_REGISTER: '1/hour' };

async function register(market: Market, forwarded: string, headers: Record<string, string> = {}) {
  const { status, body } = await market.request({
    method: 'POST',
    url: '/v1/register',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': forwarded, ...headers },
    payload: '{"name": "agent"}',
  });
  return { status, id: body.agent_id as string | undefined };
}

it.each([
  ['a port', '192.0.2.9:40001', '192.0.2.9:40002'],
  ['brackets and a port', '[2001:db8::9]:40001', '2001:db8::9'],
  ['a hop with a port', '192.0.2.9, 10.0.0.3:5001', '192.0.2.9, 10.0.0.4:5002'],
  ['words before an address', 'unknown, 192.0.2.9', '192.0.2.9:7'],
  ['nothing but words', 'unknown', '_hidden'],
])('an address counts as one however it is written: %s', async (_, one, other) => {
  const market = await Market.fresh(sqlite, behindProxy);
  const key = { 'idempotency-key': 'a-key-that-nobody-guesses-4f1e' };
  const first = await register(market, one, key);
  expect(first.status).toBe(201);
  expect(await register(market, other, key)).toEqual(first);
  expect((await register(market, other)).status).toBe(429);
  expect((await register(market, '198.51.100.77')).status).toBe(201);
});
