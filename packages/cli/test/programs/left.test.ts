import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { withLock } from '../../src/config/files.ts';
import { hold } from '../../src/programs/hold.ts';
import { WorkFolder } from '../../src/programs/work/folder.ts';
import { realClock } from '../support/clock.ts';
import { temporaryFolder } from '../../../server/test/support/temporary-folder.ts';

/** What programs that were killed have left behind. */

const folder = (name = '') => join(temporaryFolder('left'), name);

const atOnce = { ...realClock, after: (_: number, wake: () => void) => realClock.after(0, wake) };

it('a lock is taken over from a process that died, also where this one has its number', async () => {
  const path = join(folder(), 'state.json');
  for (const holder of [`${process.pid} 0123456789ab-1`, '999999999 0123456789ab-1']) {
    writeFileSync(`${path}.lock`, holder);
    expect(await withLock(path, atOnce, async () => 'done')).toBe('done');
    expect(existsSync(`${path}.lock`)).toBe(false);
  }
});

it('a lock that this process holds is waited for', async () => {
  const path = join(folder(), 'state.json');
  const order: string[] = [];
  let second: Promise<void> | undefined;
  await withLock(path, atOnce, async () => {
    second = withLock(path, atOnce, async () => void order.push('second'));
    await new Promise((resolve) => realClock.after(50, () => resolve(undefined)));
    order.push('first');
  });
  await second;
  expect(order).toEqual(['first', 'second']);
});

it.each(['', 'a folder with a name that is too long for the path of a socket, which is bounded'.repeat(2)])(
  'what is held is held once, in the folder %j too, and again after it ends',
  async (name) => {
    const path = join(folder(name), 'state.json');
    const held = { what: 'works', key: 'one', path };
    const release = await hold(held, atOnce);
    await expect(hold(held, atOnce)).rejects.toMatchObject({ code: 'held', exitCode: 6 });
    await (
      await hold({ ...held, key: 'other' }, atOnce)
    )();
    await release();
    await (
      await hold(held, atOnce)
    )();
  },
);

it.skipIf(process.platform !== 'linux')(
  'a command that a killed worker left is ended, and no other process',
  async () => {
    const configPath = join(folder(), 'config.yaml');
    const work = new WorkFolder(configPath, 'name');
    await work.clean();
    const begin = (file: string) => {
      const child = spawn('sleep', ['1000'], {
        detached: true,
        stdio: 'ignore',
        env: { PATH: process.env.PATH, PINCHWORK_TASK_FILE: file },
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      return { child, ended: new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal))) };
    };
    const [task, reused] = [await work.open('{}'), await work.open('{}')];
    expect(readFileSync(task.path, 'utf8')).toBe('{}');
    const left = begin(task.path);
    task.started(left.child.pid!);
    // The number was given to another process since.
    const other = begin(join(tmpdir(), 'task.json'));
    reused.started(other.child.pid!);
    await work.clean();
    expect(await left.ended).toBe('SIGKILL');
    expect(other.child.exitCode ?? other.child.signalCode).toBe(null);
    expect(existsSync(task.path)).toBe(false);
  },
);
