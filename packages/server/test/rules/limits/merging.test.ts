import { expect, it } from 'vitest';
import { minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { ManualClock } from '../../support/clock.ts';
import { describeOnPostgres, type Engine, postgres } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, Market } from '../../support/market.ts';
import { limited } from '../../support/rate-limits.ts';

describeOnPostgres('a limit of two servers on one database', () => {
  async function twoServers(engine: Engine, env: Record<string, string>) {
    const url = await engine.marketUrl();
    const one = await Market.open(url, env);
    const other = await Market.open(url, env, one.clock);
    return { one, other, close: () => Promise.all([one.close(), other.close()]) };
  }

  it('is merged every second', async () => {
    const { one, other, close } = await twoServers(postgres, limited('read', '10/minute'));
    const here = await one.register();
    const there = other.client(here.id, here.key);
    const remaining = async (agent: Agent) => (await agent.get('/v1/me')).headers['ratelimit-remaining'];
    for (let i = 0; i < 6; i++) await here.get('/v1/me');
    expect(await remaining(there)).toBe('9');
    await one.ctx.limits.merge();
    await other.ctx.limits.merge();
    expect(await remaining(there)).toBe('2');
    // A server learns the counts of the others when it adds its own.
    expect(await remaining(here)).toBe('3');
    await other.ctx.limits.merge();
    await one.ctx.limits.merge();
    expect(await remaining(here)).toBe('0');
    expectError(await here.get('/v1/me'), 429);

    one.clock.advance(minuteMs);
    expect((await there.get('/v1/me')).headers['ratelimit-remaining']).toBe('9');
    await other.ctx.limits.merge();
    expect((await here.get('/v1/me')).headers['ratelimit-remaining']).toBe('9');
    await close();
  });

  it('loses no count when a merge fails: the next one adds them all', async () => {
    const { one, other, close } = await twoServers(postgres, limited('read', '10/minute'));
    const agent = await one.register();
    for (let i = 0; i < 6; i++) await agent.get('/v1/me');
    await postgres.vandalise(one.url, 'alter table rate_windows rename to taken_away');
    await expect(one.ctx.limits.merge()).rejects.toThrow();
    await postgres.vandalise(one.url, 'alter table taken_away rename to rate_windows');
    await agent.get('/v1/me');
    await one.ctx.limits.merge();
    const [sum] = await postgres.query(one.url, "select sum(count) as count from rate_windows where key like 'read/%'");
    expect(Number(sum!.count)).toBe(7);
    expect((await other.client(agent.id, agent.key).get('/v1/me')).headers['ratelimit-remaining']).toBe('9');
    await other.ctx.limits.merge();
    expect((await other.client(agent.id, agent.key).get('/v1/me')).headers['ratelimit-remaining']).toBe('1');
    await close();
  });

  it('holds if the clock of one is behind that of the other', async () => {
    const url = await postgres.marketUrl();
    const settings = limited('read', '5/minute');
    const ahead = await Market.open(url, settings, new ManualClock(Date.UTC(2030, 0, 1) + secondMs));
    const behind = await Market.open(url, settings, new ManualClock(Date.UTC(2030, 0, 1)));
    const agent = await ahead.register();
    for (let i = 0; i < 5; i++) await agent.get('/v1/me');
    await ahead.ctx.limits.merge();
    const there = behind.client(agent.id, agent.key);
    expect((await there.get('/v1/me')).status).toBe(200);
    await behind.ctx.limits.merge();
    for (let i = 0; i < 2; i++) expectError(await there.get('/v1/me'), 429);
    await Promise.all([ahead.close(), behind.close()]);
  });

  it('is merged without deadlocks for many agents at once', async () => {
    const { one, other, close } = await twoServers(postgres, limited('read', '10/minute'));
    const addresses = Array.from({ length: 250 }, (_, i) => `203.0.113.${i}`);
    for (const market of [one, other]) for (const address of addresses) market.ctx.limits.takeForAddress(address);
    await Promise.all([one.ctx.limits.merge(), other.ctx.limits.merge()]);
    await Promise.all([one.ctx.limits.merge(), other.ctx.limits.merge()]);
    const sums = await postgres.query(one.url, 'select distinct count from rate_windows');
    expect(sums.map(({ count }) => Number(count))).toEqual([2]);
    await close();
  });
});
