import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkWebhookUrl, isPublicAddress } from '../../../src/rules/webhooks/address.ts';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import {
  forbiddenAddresses,
  forbiddenUrls,
  garbage,
  hostile,
  otherSchemes,
  withCredentials,
} from '../../support/hostile-urls.ts';
import { list } from '../../support/list.ts';
import { Market } from '../../support/market.ts';
import { readTables } from '../../support/tables.ts';

const good = list(`
  https://1.1.1.1 https://1.1.1.1. https://16843009 https://8.8.8.8:8443/hook?x=1#y https://[2606:4700::1111]
  https://172.15.255.255 https://172.32.0.1 https://100.63.255.255 https://100.128.0.1 https://223.255.255.255
  https://not-there-yet.invalid https://hooks.invalid./pinchwork https://hooks.invalid:1 https://hooks.invalid:65535
  HTTPS://HOOKS.INVALID/ https://localhost.hooks.invalid https://10.0.0.1.hooks.invalid https://bücher.invalid`);

const open = async (env: Record<string, string> = {}) => Market.open(await sqlite.marketUrl(), env);

const register = (market: Market, webhook_url: string) =>
  market.request({ method: 'POST', url: '/v1/register', payload: JSON.stringify({ name: 'x', webhook_url }) });

describe('a webhook address', () => {
  let market: Market;
  beforeAll(async () => {
    market = await open();
  });
  afterAll(() => market.close());

  it.each(hostile)('$kind: $url is refused at registration and in PATCH /v1/me', async ({ url }) => {
    const agent = await market.register();
    const before = await readTables(market.url);
    for (const reply of [await register(market, url), await agent.patch('/v1/me', { webhook_url: url })]) {
      expect(expectError(reply, 400)).toMatch(/^webhook_url: must /);
    }
    expect(await readTables(market.url)).toEqual(before);
  });

  it('is refused in every spelling of every forbidden network', async () => {
    expect(hostile.length + forbiddenUrls.length).toBeGreaterThan(500);
    const agent = await market.register();
    for (const url of forbiddenUrls) {
      const reply = await agent.patch('/v1/me', { webhook_url: url });
      expect(expectError(reply, 400), url).toMatch(/^webhook_url: must /);
    }
  });

  it('is refused if any of its addresses is forbidden', async () => {
    for (const address of forbiddenAddresses) {
      const family = address.includes(':') ? 6 : 4;
      const resolve = async () => [
        { address: '1.1.1.1', family: 4 },
        { address, family },
      ];
      const policy = { allowPrivateNetworks: false };
      await expect(checkWebhookUrl('https://hooks.example', policy, resolve), address).rejects.toThrow('public host');
    }
  });

  it.each(good)('%s is accepted unchanged', async (url) => {
    const { status, body, text } = await register(market, url);
    expect(status, text).toBe(201);
    const agent = market.client(body.agent_id, body.api_key);
    expect((await agent.get('/v1/me')).body.webhook_url).toBe(url);
    expect((await agent.patch('/v1/me', { webhook_url: null })).body.webhook_url).toBeNull();
    expect((await agent.patch('/v1/me', { webhook_url: url })).body.webhook_url).toBe(url);
  });
});

describe('with PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS=true', () => {
  let market: Market;
  beforeAll(async () => {
    market = await open({ PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
  });
  afterAll(() => market.close());

  it.each([
    'http://localhost:9000',
    'http://127.0.0.1',
    'https://10.0.0.1',
    'https://[::1]:1',
    'http://redis',
    ...good,
  ])('%s is accepted', async (url) => {
    expect((await register(market, url)).status).toBe(201);
  });

  const stillHostile = [...withCredentials, ...garbage, ...otherSchemes.filter((url) => !url.startsWith('http:'))];
  it.each(stillHostile)('%s is still refused', async (url) => {
    expect(expectError(await register(market, url), 400)).toMatch(/^webhook_url: must /);
  });
});

describe('an address', () => {
  it.each(['1.1.1.1', '8.8.8.8', '2606:4700::1111', '2a00:1450:4001::1', '64:ff9b::8.8.8.8'])(
    '%s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it.each(['127.0.0.1', '::ffff:8.8.8.8', 'fe80::1%eth0', '168.63.129.16', '::', '', 'x', 'example.com', '1.1.1.1/8'])(
    '%j is not public',
    (address) => {
      expect(isPublicAddress(address)).toBe(false);
    },
  );
});
