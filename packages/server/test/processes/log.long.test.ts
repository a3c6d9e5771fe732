import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { sqlite } from '../support/engines.ts';
import { type Agent } from '../support/market.ts';
import { freePort } from '../support/ports.ts';
import { mainFile, ServerProcess, startServer } from '../support/process.ts';
import { until } from '../support/until.ts';

/** Sends requests whose log lines exceed the buffer of a pipe. */
async function talkMuch(client: Client, agent: Agent): Promise<void> {
  for (let i = 0; i < 20; i++) {
    const replies = await Promise.all(Array.from({ length: 50 }, () => agent.get('/v1/me')));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  }
  expect((await client.send('GET', '/health')).status).toBe(200);
}

async function endsWell(server: ServerProcess): Promise<void> {
  server.signal('SIGTERM');
  expect(await server.ended).toEqual({ code: 0, signal: null });
}

const env = { PINCHWORK_LOG_LEVEL: 'info' };

describe('a server whose log can not be written', () => {
  it.runIf(existsSync('/dev/full'))('serves, and stops when it is told to, on a full disk', async () => {
    const port = await freePort();
    const server = new ServerProcess(
      { ...env, PINCHWORK_DATABASE_URL: await sqlite.marketUrl(), PINCHWORK_PORT: String(port) },
      { command: 'sh', args: ['-c', 'exec "$0" "$@" >/dev/full', process.execPath, mainFile] },
    );
    const client = new Client(`http://127.0.0.1:${port}`);
    await until(async () => (await client.send('GET', '/health').catch(() => undefined))?.status === 200);
    await talkMuch(client, await client.register());
    await endsWell(server);
  });

  it('serves, and stops when it is told to, when the reader of the pipe has left', async () => {
    const { server, url } = await startServer(await sqlite.marketUrl(), env);
    server.leaveOutput();
    const client = new Client(url);
    await talkMuch(client, await client.register());
    await endsWell(server);
  });

  it('serves while the reader of the pipe stalls, and goes on writing when that reads on', async () => {
    const { server, url } = await startServer(await sqlite.marketUrl(), env);
    const client = new Client(url);
    const agent = await client.register();
    server.stopReading();
    await talkMuch(client, agent);
    await talkMuch(client, agent);
    server.readOn();
    await client.register('the last');
    const registrations = () => server.stdout.match(/"route":"\/v1\/register"/g)?.length;
    await until(async () => registrations() === 2);
    await endsWell(server);
  });

  it('stops when it is told to while the reader of the pipe stalls', async () => {
    const { server, url } = await startServer(await sqlite.marketUrl(), env);
    const client = new Client(url);
    const agent = await client.register();
    server.stopReading();
    await talkMuch(client, agent);
    await talkMuch(client, agent);
    server.signal('SIGTERM');
    await until(async () => {
      const isThere = await client.send('GET', '/health').catch(() => undefined);
      return isThere === undefined;
    });
    server.readOn();
    expect(await server.ended).toEqual({ code: 0, signal: null });
  });
});

it('a silent server prints nothing at all', async () => {
  const port = await freePort();
  const server = new ServerProcess({
    PINCHWORK_LOG_LEVEL: 'silent',
    PINCHWORK_DATABASE_URL: await sqlite.marketUrl(),
    PINCHWORK_PORT: String(port),
  });
  const client = new Client(`http://127.0.0.1:${port}`);
  await until(async () => (await client.send('GET', '/health').catch(() => undefined))?.status === 200);
  await endsWell(server);
  expect(server).toMatchObject({ stdout: '', stderr: '' });
});
