import { execFile } from 'node:child_process';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Result, withMarket } from '../market.ts';
import { fixture } from './fixture.ts';

/** The requirements of the kit, one set for each era. */
export const requirements = ['2025-11-25', '2026-07-28'] as const;

const kit = join(import.meta.dirname, '../../node_modules', '@modelcontextprotocol/conformance');

/** Runs the kit's requirements of an era on a server whose `/mcp` offers the kit's own catalog. */
export const runConformance = (era: (typeof requirements)[number]): Promise<Result> =>
  withMarket(
    async ({ url, register }) => {
      const proxy = await withKey(url, await register('kit'));
      try {
        return await run(era, (proxy.address() as AddressInfo).port);
      } finally {
        proxy.closeAllConnections();
        proxy.close();
      }
    },
    { catalog: fixture },
  );

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
