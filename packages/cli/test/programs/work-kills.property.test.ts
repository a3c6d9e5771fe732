import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { scale } from '../../../server/test/support/scale.ts';
import { liveMarket } from '../../../sdk/test/support/market.ts';
import { shell } from '../support/cli.ts';

const live = liveMarket();
const user = shell();

const mainFile = join(import.meta.dirname, '../../src/main.ts');
const taskCount = scale('KILLED_TASKS', { short: 12, long: 1_000 });
const killCount = scale('WORKER_KILLS', { short: 1, long: 10 });
const patiently = { timeout: 600_000, interval: 50 };

/** A worker in a process of its own, on the home folder of the user. */
class WorkerProcess {
  err = '';
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(args: readonly string[], env: Record<string, string>) {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--conditions=pinchwork-source', mainFile, ...args],
      {
        env: { PATH: process.env.PATH ?? '', HOME: user.home, ...env },
        cwd: user.home,
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.err += text));
    this.ended = new Promise((resolve) => child.once('close', resolve));
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await this.ended;
    });
  }

  async kill(name: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(name);
    return this.ended;
  }
}

it(`of ${taskCount} tasks, done four at a time by a worker that is killed ${killCount} times, each is delivered once`, async () => {
  const poster = await live.agent('poster');
  const worker = await live.agent('worker');
  await live.client().admin.grant({ agent_id: poster.id, amount: taskCount });
  const tags = [`tag-${worker.id}`];
  const script = join(user.home, 'count.sh');
  writeFileSync(script, '#!/bin/sh\nprintf "%s" "$PINCHWORK_NEED" | wc -c\n');
  chmodSync(script, 0o755);
  const ids: string[] = [];
  for (let i = 0; i < taskCount; i++)
    ids.push((await poster.tasks.create({ need: `task ${i}`, tags, max_credits: 1, verification: 'off' })).task_id);

  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: worker.key };
  const args = ['work', '--exec', script, '--tags', tags[0]!, '--concurrency', '4'];
  const deliveredCount = async () =>
    (await live.client({ apiKey: worker.key }).tasks.mine({ role: 'worker', status: 'delivered', limit: 1 })).total;
  for (let kills = 0; kills < killCount; kills++) {
    const running = new WorkerProcess(args, env);
    // Never at a moment of rest: some tasks after the last kill, and before the last task.
    const wanted = Math.round(((kills + 1) * taskCount) / (killCount + 2)) + kills;
    await vi.waitFor(async () => expect(await deliveredCount()).toBeGreaterThanOrEqual(wanted), patiently);
    expect(await running.kill('SIGKILL')).toBe(null);
  }
  const last = new WorkerProcess([...args, '--once'], env);
  expect(await last.ended, last.err).toBe(0);

  const rows = await poster.tasks.mine({ role: 'poster' }).all();
  expect(rows).toHaveLength(taskCount);
  expect(new Set(rows.map(({ status, claim_number }) => `${status} in claim ${claim_number}`))).toEqual(
    new Set(['delivered in claim 1']),
  );
  for (const id of ids.slice(0, 50)) expect((await poster.tasks.deliveries(id)).deliveries).toHaveLength(1);
  const state = JSON.parse(readFileSync(join(dirname(user.configPath), 'state.json'), 'utf8')).profiles[worker.id];
  expect(Object.keys(state.work.awaited)).toHaveLength(taskCount);
  expect(state.work.claims).toEqual({});
}, 3_600_000);
