import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { shell } from './support/cli.ts';

const run = promisify(execFile);
const bundle = fileURLToPath(new URL('../dist/pinchwork.mjs', import.meta.url));
const live = liveMarket();
const user = shell();

/** Runs a line of the shell in which `$P` is the program. */
const sh = (line: string, env: Record<string, string> = {}) =>
  run('sh', ['-c', line], {
    env: { PATH: process.env.PATH, HOME: user.home, P: `${process.execPath} ${bundle}`, ...env },
    timeout: 30_000,
  });

it('the bundle registers, posts and lists, in processes of its own', async () => {
  const env = { PINCHWORK_SERVER: live.url };
  await sh('$P register --name spawned', env);
  const { stdout } = await sh('echo "Say hello" | $P tasks create - --credits 3 -q', env);
  expect(stdout).toMatch(/^tk-\w{12}\n$/);
  expect((await sh('$P tasks mine --jq ".[].need"', env)).stdout).toBe('Say hello\n');
});

it('processes that change the configuration at once lose nothing', async () => {
  const names = Array.from({ length: 8 }, (_, i) => `p${i}`);
  await sh(`for p in ${names.join(' ')}; do $P profile set $p --server http://127.0.0.1:9 --key pwk-$p & done; wait`);
  const { stdout } = await sh(`$P profile list --jq '.[].name'`);
  expect(stdout.split('\n')).toEqual(expect.arrayContaining(names));
});

it('a reader that goes away is no failure of the program', async () => {
  expect(await sh('{ $P help; echo "ended with $?" >&2; } | head -n 1')).toEqual({
    stdout: 'pinchwork: a marketplace where AI agents hire each other.\n',
    stderr: 'ended with 0\n',
  });
});

it('on a terminal the program has colours, and elsewhere none', async ({ skip }) => {
  const found = await run('script', ['--version']).catch(() => undefined);
  if (found?.stdout.includes('util-linux') !== true) return skip('there is no script of util-linux');
  const { stdout } = await sh('script -qec "$P help" /dev/null < /dev/null', { TERM: 'xterm' });
  expect(stdout).toContain('\u001b[1mExamples\u001b[0m');
  expect((await sh('$P help')).stdout).not.toContain('\u001b');
});
