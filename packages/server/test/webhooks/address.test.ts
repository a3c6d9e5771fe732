import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../src/webhooks/address.ts';
import { sqlite } from '../support/engines.ts';
import { expectError } from '../support/errors.ts';
import { list } from '../support/list.ts';
import { Market } from '../support/market.ts';
import { readTables } from '../support/tables.ts';

const loopback = [
  ...list(`https://localhost https://LOCALHOST/x https://localhost. https://localhost.. https://a.localhost
    https://localhost:8443/hook https://localhost.localdomain https://ip6-localhost https://ip6-loopback
    https://127.0.0.1 https://127.0.0.1:8000 https://127.255.255.254 https://127.0.0.1. https://127.0.0.1..
    https://127.1 https://127.0.1 https://2130706433 https://0x7f000001 https://0x7f.1 https://0X7F.0.0.0x1
    https://017700000001 https://0177.0.0.1 https://00000177.1 https://0 https://0.0.0.0 https://0x
    https://１２７.0.0.1 https://127。0。0。1 https://①②⑦.0.0.1 https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ https://loc\u00adalhost
    https://%6c%6f%63alhost https://127%2e0%2e0%2e1 https://%31%32%37.0.0.1 HTTPS://127.0.0.1
    https:127.0.0.1 https:/127.0.0.1 https:\\\\127.0.0.1 https:////127.0.0.1
    https://[::1] https://[::1]:443/x https://[0:0:0:0:0:0:0:1] https://[0000::0001] https://[::]`),
  ...['https://local\thost', 'https://127.0.\n0.1', ' https://127.0.0.1 '],
];

const privateNetworks = list(`
  https://10.0.0.1 https://10.255.255.255 https://10.1 https://0xa000001 https://167772161 https://012.0.0.1
  https://172.16.0.1 https://172.31.255.255 https://192.168.0.1 https://192.168.257 https://0xc0a80001
  https://100.64.0.1 https://100.127.255.255 https://1681915905 https://198.18.0.1 https://198.19.255.255
  https://192.0.0.1 https://192.0.2.1 https://198.51.100.1 https://203.0.113.1 https://192.88.99.1
  https://224.0.0.1 https://239.255.255.255 https://240.0.0.1 https://255.255.255.255 https://0.1.2.3
  https://[fc00::1] https://[fdff:ffff::1] https://[fec0::1] https://[ff02::1] https://[2001:db8::1]
  https://[100::1] https://[3fff::1] https://[5f00::1] https://[4000::1] https://[2001:10::1]
  https://printer.local https://db.internal https://host.docker.internal https://nas.lan https://nas.LAN.
  https://x.home https://x.corp https://x.private https://x.intranet https://x.home.arpa
  https://intranet https://postgres https://redis:6379 https://a..b https://.example.com`);

const metadata = list(`
  https://169.254.169.254 https://169.254.0.1 https://0xa9fea9fe https://2852039166 https://169.254.43518
  https://0251.0376.0251.0376 https://[fe80::1] https://[fe80::a9fe:a9fe] https://[febf::1] https://[fd00:ec2::254]
  https://100.100.100.200 https://168.63.129.16 https://0xa83f8110 https://192.0.0.192
  https://metadata https://metadata.google.internal https://metadata.google.internal. https://instance-data`);

/** IPv6 that carries an IPv4 address, also a public one: what becomes of it depends on the network. */
const carriers = list(`
  https://[::ffff:127.0.0.1] https://[::ffff:7f00:1] https://[0:0:0:0:0:ffff:10.0.0.1] https://[::ffff:8.8.8.8]
  https://[::127.0.0.1] https://[::7f00:1] https://[::8.8.8.8] https://[::ffff:0:127.0.0.1]
  https://[64:ff9b::127.0.0.1] https://[64:ff9b::a9fe:a9fe] https://[64:ff9b::8.8.8.8] https://[64:ff9b:1::10.0.0.1]
  https://[2002:7f00:1::] https://[2002:a9fe:a9fe::1] https://[2002:808:808::1]
  https://[2001:0:53aa:64c:0:0:80ff:fffe] https://[2001::1]`);

const withCredentials = list(`
  https://user@example.com https://user:password@example.com https://:password@example.com
  https://example.com@127.0.0.1 https://127.0.0.1@example.com https://%75ser@1.1.1.1`);

const otherSchemes = list(`
  http://example.com http://1.1.1.1 ftp://example.com ws://example.com wss://example.com file:///etc/passwd
  gopher://example.com javascript:alert(1) data:text/html,x mailto:a@example.com unix:/tmp/socket blob:https://a.com`);

const garbage = [
  ...list(`x example.com //example.com/hook /hook ? # https https: https:// https:/// https://?x https://#x https://:443
    https://example.com:x https://example.com:65536 https://[::1 https://[::1]] https://[fe80::1%25eth0] https://[1.1.1.1]
    https://1.2.3.4.5 https://256.1.1.1 https://x.1 https://%00.com https://a%2fb.com https://a<b.com https://a|b.com
    https://xn--a.com:-1`),
  ...[' ', 'https://exa mple.com', 'https://\u0000.com'],
];

const groups = { loopback, privateNetworks, metadata, carriers, withCredentials, otherSchemes, garbage };
const hostile = Object.entries(groups).flatMap(([kind, urls]) => urls.map((url) => ({ kind, url })));

const good = list(`
  https://1.1.1.1 https://1.1.1.1. https://16843009 https://8.8.8.8:8443/hook?x=1#y https://[2606:4700::1111]
  https://172.15.255.255 https://172.32.0.1 https://100.63.255.255 https://100.128.0.1 https://223.255.255.255
  https://not-there-yet.invalid https://hooks.invalid./pinchwork https://hooks.invalid:1 https://hooks.invalid:65535
  HTTPS://HOOKS.INVALID/ https://localhost.hooks.invalid https://10.0.0.1.hooks.invalid https://bücher.invalid`);

const open = async (env: Record<string, string> = {}) => Market.open(await sqlite.freshUrl(), env);

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

  it.each(good)('%s is taken as it is', async (url) => {
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
  ])('%s is taken', async (url) => {
    expect((await register(market, url)).status).toBe(201);
  });

  const stillHostile = [...withCredentials, ...garbage, ...otherSchemes.filter((url) => !url.startsWith('http:'))];
  it.each(stillHostile)('%s is refused all the same', async (url) => {
    expect(expectError(await register(market, url), 400)).toMatch(/^webhook_url: must /);
  });
});

describe('an address', () => {
  it.each(['1.1.1.1', '8.8.8.8', '2606:4700::1111', '2a00:1450:4001::1'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each(['127.0.0.1', '::ffff:8.8.8.8', 'fe80::1%eth0', '168.63.129.16', '::', '', 'x', 'example.com', '1.1.1.1/8'])(
    '%j is not public',
    (address) => {
      expect(isPublicAddress(address)).toBe(false);
    },
  );
});
