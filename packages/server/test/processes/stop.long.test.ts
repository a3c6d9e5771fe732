import { connect, type Socket } from 'node:net';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { Client } from '../support/client.ts';
import { itOnPostgres, onBothEngines, postgres } from '../support/engines.ts';
import { type Agent, Market, postTask } from '../support/market.ts';
import { type ServerProcess, startServer } from '../support/process.ts';
import { Proxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';

/** A server that waited for what never comes would still be there after this time. It ends within ten seconds. */
const patienceMs = 60_000;

async function expectGoodEnd(server: ServerProcess): Promise<void> {
  await expectEnd(server);
  expect(server.stderr).toBe('');
}

async function expectEnd(server: ServerProcess): Promise<void> {
  const impatient = Promise.withResolvers<never>();
  const timer = setTimeout(() => impatient.reject(new Error(`Still there after ${patienceMs} ms`)), patienceMs);
  try {
    expect(await Promise.race([server.ended, impatient.promise])).toEqual({ code: 0, signal: null });
  } finally {
    clearTimeout(timer);
  }
}

/** A client that has sent the headers of a request, but not its whole body. */
async function halfSent(url: string, agent: Agent): Promise<{ socket: Socket; finish: () => Promise<string> }> {
  const body = JSON.stringify({ need: 'Sent in two parts' });
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  const head = [
    'POST /v1/tasks HTTP/1.1',
    `Host: ${hostname}`,
    `Authorization: Bearer ${agent.key}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    // The server answers "100 Continue" once it waits for the body: that shows that the request is under way.
    'Expect: 100-continue',
  ];
  let received = '';
  const sawContinue = Promise.withResolvers<string>();
  const closed = Promise.withResolvers<string>();
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text;
    if (received.includes('100 Continue')) sawContinue.resolve(received);
  });
  socket.once('error', sawContinue.reject).once('close', () => closed.resolve(received));
  socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, 5)}`);
  await sawContinue.promise;
  return {
    socket,
    finish: () => {
      socket.write(body.slice(5));
      return closed.promise;
    },
  };
}

/** Waits until a server takes no new connections. */
async function untilDeaf(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const accepts = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  while (await accepts());
}

onBothEngines('a stopping server', (engine) => {
  it('answers long polls, finishes half-sent requests, accepts no new ones, and ends with code 0', async () => {
    const { server, url } = await startServer(await engine.marketUrl());
    const client = new Client(url);
    const poster = await client.register();
    const task = await postTask(poster);
    const longPoll = poster.get(`/v1/tasks/${task}?wait=60`);
    const { finish } = await halfSent(url, poster);

    server.signal('SIGTERM');

    // "Connection: close" spares the server from waiting for what a kept-alive connection may still bring.
    expect(await longPoll).toMatchObject({
      status: 200,
      headers: { connection: 'close' },
      body: { task_id: task, status: 'posted' },
    });
    await untilDeaf(url);
    expect(await finish()).toMatch(/HTTP\/1.1 201 Created\r\n[^]*\r\nConnection: close\r\n[^]*\nstatus: posted\n/i);
    await expectGoodEnd(server);
  });

  it('does not wait for a request that never ends', async () => {
    const { server, url } = await startServer(await engine.marketUrl());
    const poster = await new Client(url).register();
    const { socket } = await halfSent(url, poster);
    const cut = new Promise((resolve) => socket.once('close', resolve));

    server.signal('SIGTERM');

    await expectGoodEnd(server);
    await cut;
  });

  it('ends in the same order after two signals at once, as from Ctrl-C under npm', async () => {
    const { server, url } = await startServer(await engine.marketUrl());
    // A request in progress keeps the server alive until the second signal comes.
    const { finish } = await halfSent(url, await new Client(url).register());
    server.signal('SIGINT');
    await until(() => server.stdout.includes('"msg":"stopping"'));
    server.signal('SIGINT');
    await finish();
    expect(await server.ended).toEqual({ code: 0, signal: null });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('does not wait for idle connections (%s)', async (signal) => {
    const database = await engine.marketUrl();
    const { server, url } = await startServer(database);
    const agent = await new Client(url).register();
    server.signal(signal);
    await expectGoodEnd(server);

    const again = new Client((await startServer(database)).url);
    expect((await again.as(agent).get('/v1/me')).status).toBe(200);
  });
});

itOnPostgres('a server whose PostgreSQL no longer answers ends in time all the same', async () => {
  const proxy = await Proxy.before(await postgres.marketUrl());
  const { server, url } = await startServer(proxy.url);
  const agent = await new Client(url).register();
  proxy.freeze();
  const hangs = agent.get('/v1/me').catch(() => undefined);
  server.signal('SIGTERM');
  await expectEnd(server);
  await hangs;
});

itOnPostgres(
  'a server whose PostgreSQL no longer answers an audit for its metrics ends in time, and complains of nothing',
  async () => {
    const proxy = await Proxy.before(await postgres.marketUrl());
    await (await Market.open(proxy.target)).close();
    // Blocks the audit, so that it is in progress when the signal comes.
    const database = new pg.Client(proxy.target);
    await database.connect();
    onTestFinished(() => database.end());
    await database.query('begin');
    await database.query('lock table ledger_entries in access exclusive mode');
    const { server } = await startServer(proxy.url, { PINCHWORK_METRICS_PORT: '0' });
    await until(async () => {
      const { rows } = await database.query(
        `select 1 from pg_locks where not granted and relation = 'ledger_entries'::regclass`,
      );
      return rows.length > 0;
    });
    proxy.freeze();
    server.signal('SIGTERM');
    await expectGoodEnd(server);
    expect(server.stdout).not.toContain('the audit for the metrics failed');
  },
);
