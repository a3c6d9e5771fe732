import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { buildApp } from '../../src/doors/http/app.ts';
import { readConfig } from '../../src/ground/config.ts';
import { compose } from '../../src/compose.ts';
import { storageUnavailable } from '../../src/ground/errors.ts';
import { logInto } from '../../src/ground/log.ts';
import { ManualClock } from '../support/clock.ts';
import { sqlite } from '../support/engines.ts';
import { Client } from '../support/client.ts';
import { newEra, oldEra } from '../support/mcp.ts';
import { adminKey } from '../support/market.ts';
import { startServer } from '../support/process.ts';
import { StreamReader } from '../support/streams.ts';
import { unlimited } from '../support/unlimited.ts';

/** A server with a log that the test can read. */
async function listen(level: string) {
  const lines: Record<string, unknown>[] = [];
  let text = '';
  const { config } = readConfig({
    PINCHWORK_DATABASE_URL: await sqlite.marketUrl(),
    PINCHWORK_ADMIN_KEY: adminKey,
    ...unlimited,
  });
  const stream = {
    write: (line: string) => {
      text += line;
      lines.push(JSON.parse(line) as Record<string, unknown>);
    },
  };
  const ctx = await compose(config, new ManualClock(), {
    checkDatabaseClock: false,
    log: logInto(level, stream),
  });
  const app = buildApp(ctx);
  return { app, ctx, lines, text: () => text, close: () => app.close().then(() => ctx.dispose()) };
}

it('each request is one line with its route, and never with its input', async () => {
  const { app, lines, text, close } = await listen('info');
  const registered = await app.inject({
    method: 'POST',
    url: '/v1/register?token=in-the-query',
    headers: { accept: 'application/json', 'idempotency-key': 'idempotency-of-the-test' },
    payload: JSON.stringify({ name: 'named so', webhook_secret: 'secret-of-the-webhook' }),
  });
  const { agent_id, api_key } = registered.json<{ agent_id: string; api_key: string }>();
  const authorization = `Bearer ${api_key}`;
  const shown = await app.inject({ url: '/v1/tasks/tk-000000000000?wait=1', headers: { authorization } });
  await app.inject({ url: '/v1/admin/log', headers: { authorization: `Bearer ${adminKey}`, cookie: 'a=cookie' } });
  await app.inject({ url: '/nowhere/at/all', headers: { authorization: 'Bearer pwk-wrong-key' } });
  await app.inject({ url: '/health' });
  expect(lines.map(({ method, route, status, code }) => [method, route, status, code])).toEqual([
    ['POST', '/v1/register', 201, undefined],
    ['GET', '/v1/tasks/:id', 404, 'not_found'],
    ['GET', '/v1/admin/log', 200, undefined],
    ['GET', 'unknown', 404, 'not_found'],
  ]);
  expect(lines[1]).toMatchObject({
    level: 30,
    requestId: shown.headers['x-request-id'],
    agentId: agent_id,
    address: '127.0.0.1',
    durationMs: expect.any(Number),
  });
  expect(lines[2]!.agentId).toBe('admin');
  const secrets = [
    api_key,
    adminKey,
    'secret-of-the-webhook',
    'named so',
    'in-the-query',
    'idempotency-of',
    'cookie',
    'wrong-key',
    'at/all',
    'tk-0000',
  ];
  for (const secret of secrets) expect(text()).not.toContain(secret);
  await close();
});

it('secrets are redacted by their name, at any depth, also in lists and in errors', () => {
  let text = '';
  const { logger } = logInto('info', { write: (line) => void (text += line) });
  const secrets = {
    authorization: 'Bearer s-1',
    api_key: 's-2 "quoted" s-2',
    webhook_secret: 's-3\\',
    kept: 'as it is',
  };
  logger.info(secrets, 'at the top');
  logger.info({ a: { b: [{ c: secrets }] } }, 'deep');
  logger.info(
    { headers: { Authorization: ['s-4', 's-5'] }, config: { adminKey: 's-6', webhookSecret: 's-7' } },
    'others',
  );
  logger.error(Object.assign(new Error('of the test'), { request: { body: secrets } }), 'an error');
  const lines = text.trimEnd().split('\n');
  expect(text).not.toMatch(/s-\d/);
  const redacted = {
    authorization: '[Redacted]',
    api_key: '[Redacted]',
    webhook_secret: '[Redacted]',
    kept: 'as it is',
  };
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    redacted,
    { a: { b: [{ c: redacted }] } },
    { headers: { Authorization: '[Redacted]' }, config: { adminKey: '[Redacted]', webhookSecret: '[Redacted]' } },
    { err: { message: 'of the test', request: { body: redacted } } },
  ]);
});

it('a failure is logged as an error with its stack', async () => {
  const { app, ctx, lines, close } = await listen('warn');
  await app.inject({ url: '/nowhere' });
  ctx.db.first = () => Promise.reject(new TypeError('of the test'));
  await app.inject({ url: '/v1/agents/ag-000000000000' });
  expect(lines).toMatchObject([
    { level: 50, route: '/v1/agents/:id', status: 500, err: { stack: expect.any(String) } },
  ]);
  await close();
});

it('a failing storage is logged once, with its reason and without a stack, whatever fails because of it', async () => {
  const { app, ctx, lines, text, close } = await listen('warn');
  ctx.db.first = () => Promise.reject(storageUnavailable(new Error('the disk is gone')));
  for (let i = 0; i < 10; i++) ctx.log.error(storageUnavailable(new Error('the disk is gone')), 'a loop failed');
  await app.inject({ url: '/v1/agents/ag-000000000000' });
  expect(lines).toMatchObject([
    { level: 50, msg: 'a loop failed', reason: 'the disk is gone' },
    { level: 50, route: '/v1/agents/:id', status: 503, reason: 'the disk is gone' },
  ]);
  expect(text()).not.toContain('stack');
  await close();
});

it('health checks are logged at the level debug', async () => {
  const { app, lines, close } = await listen('debug');
  await app.inject({ url: '/health' });
  expect(lines.map(({ route, level }) => [route, level])).toEqual([['/health', 20]]);
  await close();
});

it('the last requests before a stop are in the log of a process, as JSON', async () => {
  const { server, url } = await startServer(await sqlite.marketUrl(), { PINCHWORK_LOG_LEVEL: 'info' });
  await new Client(url).register('the last one');
  server.signal('SIGTERM');
  await server.ended;
  const lines = server.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines[0]).toMatchObject({ msg: expect.stringContaining('listens on'), url });
  expect(lines.slice(-3)).toMatchObject([
    { route: '/v1/register', status: 201 },
    { msg: 'stopping', signal: 'SIGTERM' },
    { msg: 'every request has ended' },
  ]);
});

it('a stream is one line after its end, also when its reader has disconnected', async () => {
  const market = await listen('info');
  await market.app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(market.app.server.address() as AddressInfo).port}`;
  const agent = await new Client(url).register();
  const [gone, ended] = [await StreamReader.open(url, agent), await StreamReader.open(url, agent)];
  const told = () => market.lines.filter(({ route }) => route === '/v1/events');
  gone.cut();
  while (told().length === 0) await new Promise(setImmediate);
  market.ctx.streams.close();
  await ended.untilEnd();
  while (told().length === 1) await new Promise(setImmediate);
  expect(told()).toMatchObject([
    { status: 200, agentId: agent.id, aborted: true },
    { status: 200, agentId: agent.id },
  ]);
  expect(told()[1]).not.toHaveProperty('aborted');
  await market.close();
});

it('a wait whose client has left is one line, whatever door it came through', async () => {
  const market = await listen('info');
  const url = await market.app.listen({ host: '127.0.0.1', port: 0 });
  const agent = await new Client(url).register();
  const { body } = await agent.post('/v1/tasks', { need: 'Wait', max_credits: 1 });
  const { task_id } = body as { task_id: string };
  const tool = { name: 'pinchwork_task_detail', arguments: { task_id, wait: 50 } };
  const told = { ...tool, _meta: { progressToken: 'p' } };
  const message = { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'Now?' }], metadata: { max_credits: 1 } };
  const waits: readonly [string, { headers: Record<string, string>; message: object } | undefined][] = [
    [`/v1/tasks/${task_id}?wait=50`, undefined],
    ['/mcp', oldEra('tools/call', tool)],
    ['/mcp', newEra('tools/call', tool)],
    ['/mcp', oldEra('tools/call', told)],
    ['/mcp', newEra('tools/call', told)],
    [
      '/a2a',
      {
        headers: { 'a2a-version': '1.0' },
        message: { jsonrpc: '2.0', id: 1, method: 'SendMessage', params: { message } },
      },
    ],
  ];
  for (const [path, posted] of waits) {
    const before = market.lines.length;
    const leaving = new AbortController();
    const gone = fetch(url + path, {
      ...(posted === undefined ? {} : { method: 'POST', body: JSON.stringify(posted.message) }),
      headers: {
        ...{ authorization: `Bearer ${agent.key}`, 'content-type': 'application/json' },
        ...{ accept: 'application/json, text/event-stream', ...posted?.headers },
      },
      signal: leaving.signal,
    })
      .then((response) => response.text())
      .catch((error: unknown) => (error as Error).name);
    while (market.ctx.watch.count === 0) await new Promise(setImmediate);
    leaving.abort();
    expect(await gone).toBe('AbortError');
    while (market.lines.length === before) await new Promise(setImmediate);
    expect(market.lines.slice(before)).toMatchObject([{ agentId: agent.id, aborted: true }]);
    while (market.ctx.watch.count > 0) await new Promise(setImmediate);
  }
  await market.close();
});
