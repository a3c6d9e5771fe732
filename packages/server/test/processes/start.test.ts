import { readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Client } from '../support/client.ts';
import { itOnPostgres, onBothEngines, postgres, sqlite } from '../support/engines.ts';
import { ServerProcess, startServer } from '../support/process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { refusal } from './refusal.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

/** Occupies a port of this machine until the test ends. */
async function takenPort(): Promise<number> {
  const server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** The ready message, as a program reads it. */
const announced = ({ stdout }: ServerProcess) =>
  JSON.parse(/^\{.*listens on.*$/m.exec(stdout)![0]) as { database: string; try: string };

describe('npm start', () => {
  it('listens, makes its data file and prints the first request to try, which works', async () => {
    const data = await sqlite.freshUrl();
    const npmStart = { command: 'npm', args: ['start'], cwd: root };
    const server = new ServerProcess({ PINCHWORK_DATABASE_URL: data }, npmStart);
    const url = await server.listening;

    expect(announced(server).database).toBe(realpathSync(data));
    const [, body, address] = /^curl -d '(.+)' (\S+)$/.exec(announced(server).try) ?? [];
    expect(address).toBe(`${url}/v1/register`);
    const asCurl = { accept: '*/*', 'content-type': 'application/x-www-form-urlencoded' };
    const { status, text } = await new Client(url).send('POST', '/v1/register', body, asCurl);
    expect(status).toBe(201);
    expect(text).toMatch(/^api_key: pwk-/m);
  });

  it('opens one port on the loopback address and the files of its data, and nothing more', async () => {
    const home = temporaryFolder('start');
    const reports = temporaryFolder('start');
    const main = join(root, 'packages/server/src/main.ts');
    const reporting = `--report-on-signal --report-signal=SIGUSR2 --report-directory=${reports} --report-filename=report`;
    const server = new ServerProcess(
      { NODE_OPTIONS: reporting },
      { command: process.execPath, args: [main], cwd: home },
    );
    const { hostname, port } = new URL(await server.listening);

    server.signal('SIGUSR2');
    const handles = await readReport(join(reports, 'report'));
    const sockets = handles.filter(({ type }) => ['tcp', 'udp'].includes(type));
    expect(sockets.map(({ localEndpoint }) => localEndpoint)).toMatchObject([{ ip4: hostname, port: Number(port) }]);
    expect(readdirSync(home)).toEqual(['data']);
    // SQLite's own files stand beside the data file and bear its name.
    const files = readdirSync(join(home, 'data'));
    expect(files).toContain('pinchwork.db');
    expect(files.filter((file) => !file.startsWith('pinchwork.db'))).toEqual([]);
  });
});

interface Handle {
  readonly type: string;
  readonly localEndpoint?: object;
}

/** What the event loop of a process holds open, from the report that Node writes when it is signalled. */
async function readReport(file: string): Promise<Handle[]> {
  for (;;) {
    try {
      return (JSON.parse(readFileSync(file, 'utf8')) as { libuv: Handle[] }).libuv;
    } catch {
      // Not there, or not whole yet.
      await new Promise(setImmediate);
    }
  }
}

describe('a second server on one SQLite file', () => {
  it.each(['by its name', 'through a symbolic link'])('is refused, and the first goes on (%s)', async (how) => {
    const data = await sqlite.freshUrl();
    const client = new Client((await startServer(data)).url);
    let name = data;
    if (how !== 'by its name') {
      name = join(temporaryFolder('start'), 'link.db');
      symlinkSync(data, name);
    }
    expect(await refusal({ PINCHWORK_DATABASE_URL: name })).toContain(realpathSync(data));
    await client.register('still there');
  });

  it('may start after the first has ended in any way', async () => {
    const data = await sqlite.freshUrl();
    const { server } = await startServer(data);
    await server.kill();
    const { url } = await startServer(data);
    await new Client(url).register();
  });
});

describe('a start that cannot succeed', () => {
  it('names PINCHWORK_PORT when the port is in use', async () => {
    const port = await takenPort();
    const sentence = await refusal({
      PINCHWORK_DATABASE_URL: await sqlite.freshUrl(),
      PINCHWORK_PORT: String(port),
    });
    expect(sentence).toContain('PINCHWORK_PORT');
    expect(sentence).toContain(String(port));
  });

  it('names PINCHWORK_DATABASE_URL when the file is no database, and leaves it alone', async () => {
    const file = join(temporaryFolder('start'), 'letter.txt');
    const letter = 'Dear agent, '.repeat(500);
    writeFileSync(file, letter);
    expect(await refusal({ PINCHWORK_DATABASE_URL: file })).toContain('PINCHWORK_DATABASE_URL');
    expect(readFileSync(file, 'utf8')).toBe(letter);
  });

  itOnPostgres('names PINCHWORK_DATABASE_URL, without its password, when the password is wrong', async () => {
    const url = new URL(await postgres.freshUrl());
    url.password = 'open-sesame';
    const sentence = await refusal({ PINCHWORK_DATABASE_URL: url.href });
    expect(sentence).toContain('PINCHWORK_DATABASE_URL');
    expect(sentence).not.toContain('open-sesame');
  });
});

describe('an unknown setting', () => {
  it('causes a warning and is ignored', async () => {
    const { server, url } = await startServer(await sqlite.freshUrl(), { PINCHWORK_COLOUR: 'red' });
    expect(server.stderr).toContain('PINCHWORK_COLOUR');
    await new Client(url).register();
  });
});

onBothEngines('a database that a newer program has changed', (engine) => {
  it('is not changed by an older one, which says what version it needs', async () => {
    const database = await engine.freshUrl();
    const { server } = await startServer(database);
    await server.kill();
    await engine.vandalise(database, `update meta set value = '99.0.0' where key = 'oldest_program'`);
    expect(await refusal({ PINCHWORK_DATABASE_URL: database })).toContain('99.0.0');
  });
});
