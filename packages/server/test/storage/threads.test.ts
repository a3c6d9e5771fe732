import { expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/storage/open.ts';
import { Threads } from '../../src/storage/sqlite/threads.ts';
import { sqlite } from '../support/engines.ts';
import { until } from '../support/until.ts';

const echo = new URL('./echo-job.ts', import.meta.url).href;
const endless = new URL('./endless-job.ts', import.meta.url).href;

async function threads(options: { threads?: number; longestQueue?: number; idleMs?: number } = {}): Promise<Threads> {
  const path = await sqlite.freshUrl();
  await (await openDatabase(path, { onError: () => undefined })).close();
  const pool = new Threads({ path, threads: 1, longestQueue: 5, ...options });
  onTestFinished(() => pool.close());
  return pool;
}

it('a thread runs jobs one after the other', async () => {
  const pool = await threads();
  expect(pool.size).toBe(0);
  expect(await Promise.all([1, 2, 3].map((n) => pool.run(echo, { n })))).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  expect(pool.size).toBe(1);
});

it('a failing job does not affect other jobs', async () => {
  const pool = await threads();
  const jobs = [pool.run(echo, { fail: true }), pool.run(echo, { n: 1 }), pool.run('file:///absent.ts', null)];
  await expect(jobs[0]).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(await jobs[1]).toEqual({ n: 1 });
  await expect(jobs[2]).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(pool.run(echo, { n: () => 2 })).rejects.toThrow('could not be cloned');
  expect(await pool.run(echo, { n: 3 })).toEqual({ n: 3 });
});

it('a dying thread fails its own job only', async () => {
  const pool = await threads();
  const jobs = [pool.run(echo, { die: true }), pool.run(echo, { n: 1 })];
  await expect(jobs[0]).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(await jobs[1]).toEqual({ n: 1 });
});

it('jobs beyond the limit of the queue are refused', async () => {
  const pool = await threads({ longestQueue: 2 });
  const running = [1, 2, 3].map(() => pool.run(endless, null));
  await expect(pool.run(endless, null)).rejects.toMatchObject({ code: 'overloaded' });
  const all = Promise.allSettled(running);
  await pool.close();
  expect((await all).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  await expect(pool.run(echo, null)).rejects.toMatchObject({ code: 'storage_unavailable' });
});

it('idle threads end but the last one, which gets the next job', async () => {
  const pool = await threads({ threads: 2, idleMs: 1 });
  expect(await Promise.all([1, 2].map((n) => pool.run(echo, { n })))).toEqual([{ n: 1 }, { n: 2 }]);
  await until(() => pool.size === 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(pool.size).toBe(1);
  expect(await pool.run(echo, { n: 3 })).toEqual({ n: 3 });
});
