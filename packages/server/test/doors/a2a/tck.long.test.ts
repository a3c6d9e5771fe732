import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Json } from '../../support/a2a.ts';
import { KeyProxy, Robot } from '../../support/a2a-rig.ts';
import { adminKey } from '../../support/market.ts';
import { ServerProcess } from '../../support/process.ts';
import { scratchFolder } from '../../support/scratch.ts';
import { known03, known10 } from './tck-baseline.ts';

/** Checkouts of the public kit, `a2aproject/a2a-tck`: its branches 1.0-dev and 0.3.x. The kit is not vendored. */
const { A2A_TCK: kit10, A2A_TCK_03: kit03, A2A_TCK_PYTHON: python = 'python3' } = process.env;

/** A market with a robot and a proxy for the kit. @returns the address of the proxy. */
async function rig(): Promise<string> {
  const folder = scratchFolder('a2a');
  const server = new ServerProcess({
    PINCHWORK_DATABASE_URL: join(folder, 'market.db'),
    PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true',
    PINCHWORK_LOG_LEVEL: 'error',
  });
  const market = await server.listening;
  const send = async (path: string, key: string | undefined, body: object): Promise<Json> => {
    const headers = { accept: 'application/json', 'content-type': 'application/json' };
    const auth = key === undefined ? {} : { authorization: `Bearer ${key}` };
    return (
      await fetch(market + path, { method: 'POST', headers: { ...headers, ...auth }, body: JSON.stringify(body) })
    ).json();
  };
  const [poster, worker] = [
    await send('/v1/register', undefined, { name: 'kit' }),
    await send('/v1/register', undefined, { name: 'robot' }),
  ];
  await send('/v1/admin/credits/grant', adminKey, { agent_id: poster.agent_id, amount: 100_000 });
  const robot = new Robot(market, worker.api_key);
  const proxy = new KeyProxy(market, poster.api_key, robot);
  const running = robot.run();
  onTestFinished(async () => {
    robot.stop();
    await running;
    proxy.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return proxy.listen();
}

/** Runs the kit's tests. @returns the names of those that fail, and how many pass. */
async function run(folder: string, args: (address: string) => string[]): Promise<{ failed: string[]; passed: number }> {
  const address = await rig();
  const report = join(scratchFolder('a2a-report'), 'junit.xml');
  const child = spawn(python, ['-m', 'pytest', ...args(address), `--junitxml=${report}`, '-q', '--tb=short'], {
    cwd: folder,
    stdio: ['ignore', process.env.A2A_TCK_VERBOSE === undefined ? 'ignore' : 'inherit', 'inherit'],
  });
  await once(child, 'close');
  if (!existsSync(report)) throw new Error(`The kit wrote no report to ${report}`);
  const cases = [
    ...readFileSync(report, 'utf8').matchAll(
      /<testcase classname="([^"]*)" name="([^"]*)"[^>]*?(\/>|>([\s\S]*?)<\/testcase>)/g,
    ),
  ];
  const failed = cases
    .filter(([, , , , inside = '']) => /<(failure|error)\b/.test(inside))
    .map(([, where, name]) => `${where?.split('.').at(-1)}: ${name}`);
  const passed = cases.filter(([, , , , inside = '']) => !/<(failure|error|skipped)\b/.test(inside)).length;
  console.log(`A2A kit: ${passed} passed, ${failed.length} failed, ${cases.length - passed - failed.length} skipped`);
  return { failed: failed.sort(), passed };
}

describe('the Technology Compatibility Kit of A2A', () => {
  it.skipIf(kit10 === undefined)(
    '1.0 fails in what stands in the baseline, and nothing else',
    { timeout: 400_000 },
    async () => {
      const { failed, passed } = await run(kit10!, (address) => [
        'tests/compatibility/',
        `--sut-host=${address}`,
        '--transport=jsonrpc,http_json',
      ]);
      expect(failed).toEqual(Object.keys(known10).sort());
      expect(passed).toBeGreaterThan(100);
    },
  );

  it.skipIf(kit03 === undefined)(
    '0.3 fails in what stands in the baseline, and nothing else',
    { timeout: 400_000 },
    async () => {
      const { failed, passed } = await run(kit03!, (address) => [
        'tests/mandatory/jsonrpc',
        'tests/mandatory/protocol',
        'tests/optional/capabilities',
        `--sut-url=${address}/a2a`,
        '--transports=jsonrpc',
      ]);
      expect(failed).toEqual(Object.keys(known03).sort());
      expect(passed).toBeGreaterThan(30);
    },
  );
});
