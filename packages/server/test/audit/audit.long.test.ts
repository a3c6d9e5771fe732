import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { onBothEngines } from '../support/engines.ts';
import { Market, postTask } from '../support/market.ts';
import { busyMarket } from '../support/busy-market.ts';

onBothEngines('the audit', (engine) => {
  it('reads a market of many ranges', async () => {
    const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '100000' });
    const poster = await market.register('poster');
    for (let i = 0; i < 12; i++) {
      await Promise.all(Array.from({ length: 100 }, () => postTask(poster, { max_credits: 1 })));
    }
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, checked: { tasks: 1_200 } });
    await engine.vandalise(market.url, 'update accounts set balance = 2 where id = (select max(id) from tasks)');
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toHaveLength(2);
  });

  it('runs from the command line while a server is running', async () => {
    const { market, posted } = await busyMarket(engine);
    const run = () =>
      promisify(execFile)(process.execPath, [fileURLToPath(new URL('../../src/main.ts', import.meta.url)), 'audit'], {
        env: { ...process.env, PINCHWORK_DATABASE_URL: market.url },
      });
    // The market's clock is in another year, in which nothing is overdue yet.
    expect((await run()).stdout).toMatch(/^Checked 2 agents, 4 tasks, .*\nEverything is in order\.\n$/);
    await engine.vandalise(market.url, `update accounts set balance = 9 where id = '${posted}'`);
    await expect(run()).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`BROKEN: an open task holds`),
    });
  });
});
