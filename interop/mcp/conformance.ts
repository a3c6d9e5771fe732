import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compose } from '../../packages/server/src/compose.ts';
import { buildApp } from '../../packages/server/src/doors/http/app.ts';
import { readConfig } from '../../packages/server/src/ground/config.ts';
import { fixture } from './fixture.ts';

/** The requirements of the kit, one set for each era. */
export const requirements = ['2025-11-25', '2026-07-28'] as const;

const kit = join(import.meta.dirname, '../../node_modules', '@modelcontextprotocol/conformance');

export const kitVersion = (): string =>
  (JSON.parse(readFileSync(join(kit, 'package.json'), 'utf8')) as { version: string }).version;

/** What a run of a kit has found. */
export interface Result {
  readonly isOk: boolean;
  /** The last line of the kit, or what went wrong. */
  readonly summary: string;
  readonly output: string;
}

/** Runs the kit's requirements of an era on a server whose `/mcp` offers the kit's own catalog. */
export async function runConformance(era: (typeof requirements)[number]): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-conformance-'));
  const off = Object.fromEntries(['REGISTER', 'READ', 'WRITE'].map((name) => [`PINCHWORK_RATE_LIMIT_${name}`, 'off']));
  const { config } = readConfig({
    ...{ PINCHWORK_DATABASE_URL: join(folder, 'market.db'), PINCHWORK_LOG_LEVEL: 'silent' },
    ...off,
  });
  const core = await compose(config);
  const app = buildApp(core, fixture);
  try {
    const target = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
    const registered = await app.inject({ method: 'POST', url: '/v1/register', payload: { name: 'kit' } });
    const key = /pwk-\w+/.exec(registered.payload)?.[0] ?? '';
    const proxy = await withKey(target, key);
    try {
      return await run(era, (proxy.address() as AddressInfo).port);
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  } finally {
    app.server.closeAllConnections();
    core.watch.close();
    core.streams.close();
    core.feed.close();
    await app.close();
    await core.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The kit can send no key: a proxy adds it. */
async function withKey({ hostname, port }: URL, key: string): Promise<Server> {
  const proxy = createServer((asked, reply) => {
    const headers = { ...asked.headers, authorization: `Bearer ${key}` };
    const sent = request({ hostname, port, path: asked.url, method: asked.method, headers }, (got) => {
      reply.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(reply);
    });
    sent.on('error', () => reply.destroy());
    reply.on('close', () => sent.destroy());
    asked.pipe(sent);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return proxy;
}

/** What the market does not offer, with the reasons. An entry that passes is stale, and fails the run. */
const baselineOf = (era: string) => join(import.meta.dirname, `baseline-${era}.yaml`);

function run(era: string, port: number): Promise<Result> {
  const url = `http://127.0.0.1:${port}/mcp`;
  const args = [join(kit, 'dist/index.js'), 'server', '--url', url, '--requirements', era];
  return new Promise((resolve) => {
    const options = { maxBuffer: 64 * 1024 * 1024, cwd: tmpdir() };
    execFile(process.execPath, [...args, '--expected-failures', baselineOf(era)], options, (error, stdout, stderr) => {
      const output = stdout + stderr;
      const summary = /^Total: .*$/m.exec(output)?.[0] ?? error?.message ?? '';
      resolve({ isOk: error === null, summary, output });
    });
  });
}
