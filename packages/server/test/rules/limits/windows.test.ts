import { describe, expect, it } from 'vitest';
import { minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { Windows } from '../../../src/rules/limits/windows.ts';
import { ManualClock } from '../../support/clock.ts';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market } from '../../support/market.ts';
import { limited } from '../../support/rate-limits.ts';

describe('the windows in memory', () => {
  const limit = { count: 2, windowMs: minuteMs };

  it('are bounded, and the oldest are forgotten first', () => {
    const windows = new Windows(new ManualClock(), { most: 1_000 });
    for (let i = 0; i < 20_000; i++) windows.take(`address ${i}`, limit);
    expect(windows.size).toBeLessThanOrEqual(1_000);
    // At least the newest half is kept.
    expect(windows.take('address 19500', limit).remaining).toBe(0);
    expect(windows.take('address 19999', limit).remaining).toBe(0);
    expect(windows.take('address 0', limit).remaining).toBe(1);
  });

  it('are swept some time after their end, and not before', () => {
    const clock = new ManualClock();
    const windows = new Windows(clock);
    for (let i = 0; i < 10; i++) {
      windows.take(`${i}`, limit);
      windows.sweep();
      clock.advance(minuteMs - 1);
      expect(windows.take(`${i}`, limit).remaining).toBe(0);
      clock.advance(1);
    }
    expect(windows.size).toBeLessThanOrEqual(4);
    for (let i = 0; i < 2; i++) {
      clock.advance(2 * minuteMs);
      windows.sweep();
    }
    expect(windows.size).toBe(0);
  });

  it('that began late are not swept before their end, however often the sweep runs', () => {
    const clock = new ManualClock();
    const windows = new Windows(clock);
    windows.take('early', limit);
    clock.advance(minuteMs / 2 - secondMs);
    windows.take('late', limit);
    for (let second = 0; second < 59; second++) {
      clock.advance(secondMs);
      windows.sweep();
    }
    expect(windows.take('late', limit).remaining).toBe(0);
  });

  it('add counts that were not shared yet to the sum of all servers', () => {
    const windows = new Windows(new ManualClock(), { isShared: true });
    const wide = { count: 10, windowMs: minuteMs };
    windows.take('a', wide);
    const [tally] = windows.tallies();
    windows.take('a', wide);
    windows.merge({ ...tally!, count: 5 });
    expect(windows.take('a', wide).remaining).toBe(10 - 5 - 1 - 1);
  });

  it('hand out a limited number of tallies at once, and the others later', () => {
    const windows = new Windows(new ManualClock(), { isShared: true });
    for (let i = 0; i < 5; i++) windows.take(`${i}`, limit);
    expect(windows.tallies(3).map(({ key }) => key)).toEqual(['0', '1', '2']);
    expect(windows.tallies(3).map(({ key }) => key)).toEqual(['3', '4']);
  });

  it('that began again are not mixed up with tallies of the previous window', () => {
    const clock = new ManualClock();
    const windows = new Windows(clock, { isShared: true });
    windows.take('a', limit);
    const [tally] = windows.tallies();
    clock.advance(minuteMs);
    windows.take('a', limit);
    windows.restore(tally!);
    windows.merge({ ...tally!, count: 2 });
    expect(windows.tallies()).toMatchObject([{ key: 'a', count: 1, endsAt: clock.now() + minuteMs }]);
    expect(windows.take('a', limit).remaining).toBe(0);
  });

  it('keep a tally that could not be merged for the next merge', () => {
    const windows = new Windows(new ManualClock(), { isShared: true });
    windows.take('a', limit);
    const [tally] = windows.tallies();
    expect(windows.tallies()).toEqual([]);
    windows.restore(tally!);
    windows.take('a', limit);
    expect(windows.tallies()).toEqual([{ ...tally, count: 2 }]);
  });

  it('of agents are not affected by a flood of addresses', async () => {
    const market = await Market.fresh(sqlite, limited('read', '2/minute'));
    const agent = await market.register();
    await agent.get('/v1/me');
    // More than are kept in memory.
    for (let i = 0; i < 120_000; i++)
      market.ctx.limits.takeForAddress(`2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::1`);
    expect((await agent.get('/v1/me')).headers['ratelimit-remaining']).toBe('0');
    expectError(await agent.get('/v1/me'), 429);
  });
});
