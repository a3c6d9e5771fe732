import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { deadWebhook } from '../../../server/test/support/market.ts';
import { liveMarket } from '../../../sdk/test/support/market.ts';
import { patientClock, realClock } from '../support/clock.ts';
import { Shell, shell, type Surroundings } from '../support/cli.ts';

const live = liveMarket();
const user = shell();

/** The server's clock, which stands. */
const serverMs = Date.parse('2026-01-01T00:00:00.000Z');
const dated: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  const headers = new Headers(response.headers);
  headers.set('date', new Date(serverMs).toUTCString());
  return new Response(response.body, { status: response.status, headers });
};
const clockAt = (offMs: number) => ({ ...patientClock, now: () => serverMs + offMs });

interface Found {
  readonly check: string;
  readonly status: string;
  readonly detail: string;
  readonly mend?: string;
}

async function doctor(env: Record<string, string>, around: Surroundings = {}) {
  const { code, out } = await user.run(['doctor', '-o', 'json'], { clock: patientClock, ...around, env });
  const { checks } = JSON.parse(out) as { checks: Found[] };
  return { code, found: Object.fromEntries(checks.map((each) => [each.check, each])) as Record<string, Found> };
}

const statusesOf = (found: Record<string, Found>) =>
  Object.fromEntries(Object.entries(found).map(([check, { status }]) => [check, status]));

it('a way without a fault is found so, in lines for people too', async () => {
  const { key, id } = await live.agent('bob');
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: key };
  const { code, found } = await doctor(env, { fetch: dated, clock: clockAt(0) });
  expect({ code, statuses: statusesOf(found) }).toEqual({
    code: 0,
    statuses: { settings: 'ok', server: 'ok', clock: 'ok', key: 'ok', stream: 'ok', webhook: 'ok' },
  });
  expect(found.key!.detail).toContain(id);
  const out = await user.ok('doctor', { env, fetch: dated, clock: clockAt(0) });
  expect(out.split('\n').filter((line) => line.startsWith('✓'))).toHaveLength(6);
});

it('a server that is away is named with what to do, and what needs it is skipped', async () => {
  const { code, found } = await doctor({ PINCHWORK_SERVER: 'http://127.0.0.1:1', PINCHWORK_API_KEY: 'x' });
  expect(code).toBe(9);
  expect(found.server).toMatchObject({ status: 'failed', mend: expect.stringContaining('--server') });
  expect(statusesOf(found)).toMatchObject({ clock: 'skipped', key: 'skipped', stream: 'skipped', webhook: 'skipped' });
});

const page =
  (status: number, headers: Record<string, string> = {}): typeof fetch =>
  async () =>
    new Response('<html>', { status, headers });

it.each([
  ['another program', page(200), 'not as a Pinchwork server'],
  ['a redirect', page(301, { location: 'https://market.example/health' }), 'redirects to https://market.example'],
])('%s in place of the server is told', async (_, fetching, detail) => {
  const { code, found } = await doctor({ PINCHWORK_SERVER: live.url }, { fetch: fetching });
  expect(code).toBe(9);
  expect(found.server).toMatchObject({ status: 'failed', detail: expect.stringContaining(detail) });
});

it('a key that is missing, wrong or narrow is told', async () => {
  const none = await doctor({ PINCHWORK_SERVER: live.url });
  expect(none.code).toBe(4);
  expect(none.found.key).toMatchObject({ status: 'failed', mend: expect.stringContaining('pinchwork register') });
  const wrong = await doctor({ PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: 'pwk-wrong' });
  expect(wrong.code).toBe(4);
  expect(wrong.found.key).toMatchObject({ status: 'failed', mend: expect.stringContaining('pinchwork login') });
  expect(wrong.found.stream).toMatchObject({ status: 'skipped' });
  const agent = await live.agent('bob');
  const { api_key } = await agent.keys.create({ name: 'narrow', scopes: ['read', 'work'] });
  const narrow = await doctor({ PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: api_key });
  expect(narrow.code).toBe(0);
  expect(narrow.found.key).toMatchObject({ status: 'warning', mend: expect.stringContaining('It may not post') });
});

it.each([
  [60_000, 'warning', 0],
  [-400_000, 'failed', 1],
])('a clock that is off by %i ms is told', async (offMs, status, code) => {
  const { key } = await live.agent('bob');
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: key };
  const { found, ...ended } = await doctor(env, { fetch: dated, clock: clockAt(offMs) });
  expect(ended.code).toBe(code);
  expect(found.clock).toMatchObject({ status, detail: expect.stringContaining(offMs > 0 ? 'ahead of' : 'behind') });
});

it('a proxy that keeps the stream back is told', async () => {
  const { key } = await live.agent('bob');
  const held: typeof fetch = (input, init) =>
    new Request(input).url.endsWith('/v1/events')
      ? new Promise((_, reject) => init!.signal!.addEventListener('abort', () => reject(new Error('aborted'))))
      : fetch(input, init);
  // The limit of the stream is over at once, all others never.
  const after = (delayMs: number, wake: () => void) => {
    if (delayMs === 20_000) queueMicrotask(wake);
    return delayMs < 1_000 ? realClock.after(delayMs, wake) : () => undefined;
  };
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: key };
  const { code, found } = await doctor(env, { fetch: held, clock: { ...realClock, after } });
  expect(code).toBe(9);
  expect(found.stream).toMatchObject({ status: 'failed', mend: expect.stringContaining('proxy_buffering') });
});

/** The server, but for the reply to one path. */
const changed =
  (path: string, reply: Response): typeof fetch =>
  async (input, init) =>
    new URL(input).pathname === path ? reply : fetch(input, init);

it('another version than that of the server is told, with the line that installs its client', async () => {
  const { key } = await live.agent('bob');
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: key };
  const newer = changed('/v1/capabilities', Response.json({ version: '99.1.0' }));
  const { code, found } = await doctor(env, { fetch: newer });
  expect(code).toBe(0);
  expect(found.server).toMatchObject({
    status: 'warning',
    detail: expect.stringContaining('Pinchwork 99.1.0'),
    mend: expect.stringContaining(`curl -fsSL ${live.url}/install.sh | sh`),
  });
});

it('a stream that is refused is told', async () => {
  const { key } = await live.agent('bob');
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: key };
  const full = changed('/v1/events', new Response('{}', { status: 429 }));
  const { code, found } = await doctor(env, { fetch: full });
  expect(code).toBe(7);
  expect(found.stream).toMatchObject({ status: 'failed', mend: 'Too many streams are open: end some.' });
});

it('a key that is for another server is told, and is not sent', async () => {
  const own = new Shell();
  mkdirSync(dirname(own.configPath), { recursive: true });
  const profile = `current_profile: p\nprofiles: { p: { server: http://other.test, api_key: pwk-other } }\n`;
  writeFileSync(own.configPath, profile, { mode: 0o600 });
  const sent: (string | null)[] = [];
  const noting: typeof fetch = (input, init) => {
    sent.push(new Headers(init?.headers).get('authorization'));
    return fetch(input, init);
  };
  const { code, out } = await own.run(['doctor', '--server', live.url, '-o', 'json'], { fetch: noting });
  const { checks } = JSON.parse(out) as { checks: Found[] };
  expect(code).toBe(4);
  expect(checks.find(({ check }) => check === 'key')).toMatchObject({
    ...{ status: 'failed', detail: expect.stringContaining('is for http://other.test') },
    mend: expect.stringContaining('PINCHWORK_API_KEY'),
  });
  expect(sent).toEqual([null]);
  own.remove();
});

it('a webhook that takes no test is told', async () => {
  const agent = await live.agent('bob');
  await agent.me.update({ webhook_url: deadWebhook });
  const { code, found } = await doctor({ PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: agent.key });
  expect(code).toBe(1);
  expect(found.webhook).toMatchObject({
    status: 'failed',
    detail: expect.stringContaining(`${deadWebhook} did not take a test: The name of the host leads nowhere`),
    mend: expect.stringContaining('pinchwork webhook deliveries'),
  });
});

it.skipIf(process.platform === 'win32')('a file with keys that others may read is told', async () => {
  const { key } = await live.agent('bob');
  mkdirSync(dirname(user.configPath), { recursive: true });
  writeFileSync(user.configPath, `current_profile: bob\nprofiles:\n  bob: { server: ${live.url}, api_key: ${key} }\n`);
  const credentials = join(dirname(user.configPath), 'credentials.json');
  writeFileSync(credentials, '{"api_key": "x"}');
  for (const path of [user.configPath, credentials]) {
    chmodSync(path, 0o644);
    const { code, found } = await doctor({});
    expect(code).toBe(0);
    expect(found.settings).toMatchObject({ status: 'warning', mend: `Run: chmod 600 ${path}` });
    chmodSync(path, 0o600);
  }
});
