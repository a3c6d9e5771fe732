import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { liveMarket } from '../../../sdk/test/support/market.ts';
import { shell } from '../support/cli.ts';

const live = liveMarket();
const user = shell();
const mainFile = join(import.meta.dirname, '../../src/main.ts');
const patiently = { timeout: 120_000 };

/** The program in a process of its own. */
function start(args: readonly string[], env: Record<string, string>) {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--conditions=pinchwork-source', mainFile, ...args],
    {
      env: { PATH: process.env.PATH ?? '', HOME: user.home, ...env },
      cwd: user.home,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream!.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, ended, said: () => said };
}

async function taskInHand(name: string) {
  const [poster, worker] = [await live.agent('poster'), await live.agent('worker')];
  const tags = [`tag-${worker.id}`];
  const { task_id } = await poster.tasks.create({ need: 'X', tags, max_credits: 5 });
  const [begun, go] = [join(user.home, `${name}-begun`), join(user.home, `${name}-go`)];
  const cmd = `touch ${begun}; while [ ! -e ${go} ]; do sleep 0.05; done; echo done`;
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: worker.key };
  const program = start(['work', '--exec', cmd, '--tags', tags[0]!, '--finish', '600'], env);
  await vi.waitFor(() => expect(existsSync(begun)).toBe(true), patiently);
  const status = async () => (await poster.tasks.get(task_id)).status;
  const finish = () => writeFileSync(go, '');
  return { ...program, status, finish };
}

it('after one Ctrl-C the task in hand is finished and delivered', async () => {
  const { child, ended, said, status, finish } = await taskInHand('one');
  child.kill('SIGINT');
  await vi.waitFor(() => expect(said()).toContain('Finishing what is in hand'), patiently);
  finish();
  expect(await ended, said()).toBe(130);
  expect(await status()).toBe('delivered');
});

it('after two the task in hand is given back at once', async () => {
  const { child, ended, said, status } = await taskInHand('two');
  child.kill('SIGINT');
  await vi.waitFor(() => expect(said()).toContain('Finishing what is in hand'), patiently);
  child.kill('SIGINT');
  expect(await ended, said()).toBe(130);
  expect(await status()).toBe('posted');
});

it('events end with Ctrl-C, and quietly when nobody reads them any more', async () => {
  const { key } = await live.agent('bob');
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: key };
  const following = start(['events', '--since', '0'], env);
  await live.client({ apiKey: key }).keys.create({ name: 'one', scopes: ['read'] });
  await vi.waitFor(() => expect(following.said()).toContain('key_created'), patiently);
  following.child.kill('SIGINT');
  expect(await following.ended).toBe(130);
  const unread = start(['events', '--since', '0'], env);
  unread.child.stdout!.destroy();
  await live.client({ apiKey: key }).keys.create({ name: 'two', scopes: ['read'] });
  expect(await unread.ended).toBe(0);
  expect(unread.said()).toBe('');
});
