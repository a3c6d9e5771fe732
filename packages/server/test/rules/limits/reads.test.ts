import { expect, it } from 'vitest';
import { minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { describeOnPostgres, onBothEngines, postgres } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';

const oneMegabyte = { PINCHWORK_READ_MB_PER_MINUTE: '1' };
/** Half a megabyte and more as JSON. */
const long = { need: 'x', context: '\u0001'.repeat(100_000), max_credits: 1 };

/** Reads a task that has more than half of what may be read. */
const read = async (agent: Agent, task: string) => (await agent.get(`/v1/tasks/${task}`)).status;

onBothEngines('what an agent reads', (engine) => {
  it('is limited in bytes: beyond, reads are refused until the minute is over, and nothing else is', async () => {
    const market = await Market.fresh(engine, oneMegabyte);
    const [poster, other] = [await market.register('poster'), await market.register('other')];
    const task = await postTask(poster, long);
    expect([await read(poster, task), await read(poster, task)]).toEqual([200, 200]);
    market.clock.advance(18 * secondMs);
    const refused = await poster.get('/v1/me');
    expect(expectError(refused, 429)).toBe('You have read more than 1 MiB in this minute');
    expect(refused.body.code).toBe('quota_exceeded');
    expect(refused.headers['retry-after']).toBe('42');
    expect((await poster.get('/v1/events')).status).toBe(429);
    expect((await other.get('/v1/me')).status).toBe(200);
    const delivered = await deliverTask(poster, other, { max_credits: 1 });
    expect((await poster.post(`/v1/tasks/${delivered}/approve`)).status).toBe(200);
    market.clock.advance(42 * secondMs);
    expect((await poster.get('/v1/me')).status).toBe(200);
  });

  it('counts replies to changes too', async () => {
    const market = await Market.fresh(engine, oneMegabyte);
    const poster = await market.register('poster');
    for (let i = 0; i < 2; i++) {
      const task = await postTask(poster, long);
      expect((await poster.post(`/v1/tasks/${task}/cancel`)).status).toBe(200);
    }
    expectError(await poster.get('/v1/me'), 429);
  });

  it('is not limited by default to less than 60 MiB, and not at all where it is off', async () => {
    for (const [setting, status] of [
      ['60', 429],
      ['off', 200],
    ] as const) {
      const market = await Market.fresh(engine, { PINCHWORK_READ_MB_PER_MINUTE: setting });
      const poster = await market.register('poster');
      const task = await postTask(poster, long);
      market.ctx.limits.noteRead(poster.id, 59 * 1024 * 1024);
      expect([await read(poster, task), await read(poster, task), await read(poster, task)]).toEqual([
        200,
        200,
        status,
      ]);
    }
  });
});

describeOnPostgres('what an agent reads on several servers', () => {
  it('is added up', async () => {
    const url = await postgres.marketUrl();
    const first = await Market.open(url, oneMegabyte);
    const second = await Market.open(url, oneMegabyte, first.clock);
    const third = await Market.open(url, oneMegabyte, first.clock);
    try {
      const poster = await first.register('poster');
      const task = await postTask(poster, long);
      const servers = [first, second, third];
      const there = second.client(poster.id, poster.key);
      for (const server of servers) expect(await read(server.client(poster.id, poster.key), task)).toBe(200);
      for (const server of servers) await server.ctx.limits.merge();
      for (const server of [second, third]) expect(await read(server.client(poster.id, poster.key), task)).toBe(429);
      first.clock.advance(minuteMs);
      expect(await read(there, task)).toBe(200);
    } finally {
      await first.close();
      await second.close();
      await third.close();
    }
  });
});
