import { copyFileSync, renameSync, rmSync, statSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sqlite } from '../support/engines.ts';
import { Market, postTask } from '../support/market.ts';
import { until } from '../support/until.ts';

// The database looks after its files in real time, by an interval.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

const ready = async (market: Market) => {
  market.clock.advance(1_000);
  vi.advanceTimersByTime(1_000);
  const { status, body } = await market.request({ method: 'GET', url: '/health/ready' });
  return { status, reason: body.reason as string | undefined };
};

it.each([
  ['deleted or moved away', (path: string) => rmSync(path)],
  ['deleted or moved away', (path: string) => rmSync(`${path}-wal`)],
  [
    'replaced',
    (path: string) => {
      copyFileSync(path, `${path}.other`);
      renameSync(`${path}.other`, path);
    },
  ],
])('a data file that is %s under the server is noticed: writes stop, and readiness says why', async (what, act) => {
  const market = await Market.fresh(sqlite);
  const agent = await market.register();
  await postTask(agent);
  expect(await ready(market)).toEqual({ status: 200, reason: undefined });

  act(market.url);
  await until(async () => (await ready(market)).status === 503);
  expect((await ready(market)).reason).toContain(`The data file was ${what}`);
  const { status, body } = await agent.post('/v1/tasks', { need: 'Count the words' });
  expect({ status, code: body.code }).toEqual({ status: 503, code: 'storage_unavailable' });
  expect((await agent.get('/v1/me')).status).toBe(200);
});

it('a data file that was moved away and back is written to again', async () => {
  const market = await Market.fresh(sqlite);
  const agent = await market.register();
  renameSync(market.url, `${market.url}.away`);
  await until(async () => (await ready(market)).status === 503);
  renameSync(`${market.url}.away`, market.url);
  await until(async () => (await ready(market)).status === 200);
  await postTask(agent);
});

it('the write-ahead log shrinks after a long read by another process has ended', async () => {
  const market = await Market.fresh(sqlite);
  const agent = await market.register();
  const reader = new BetterSqlite(market.url, { readonly: true });
  reader.exec('begin');
  reader.prepare('select count(*) from tasks').get();
  const post = () => postTask(agent, { need: 'x'.repeat(50_000), max_credits: 1, context: 'y'.repeat(90_000) });
  const logBytes = () => statSync(`${market.url}-wal`).size;
  await market.admin.post('/v1/admin/credits/grant', { agent_id: agent.id, amount: 100_000 });
  while (logBytes() < 40 * 2 ** 20) await Promise.all(Array.from({ length: 20 }, post));
  reader.exec('commit');
  reader.close();
  for (let i = 0; i < 200 && logBytes() > 32 * 2 ** 20; i++) await post();
  expect(logBytes()).toBeLessThanOrEqual(32 * 2 ** 20);
});
