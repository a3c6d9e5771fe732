import { expect, it, onTestFinished } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { ManualClock } from '../../support/clock.ts';
import { itOnPostgres, onBothEngines, postgres } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

const oneMegabyte = { PINCHWORK_TEXT_MB_PER_DAY: '1', PINCHWORK_INITIAL_CREDITS: '1000' };
/** 600,000 bytes in UTF-8. */
const long = { need: '😀'.repeat(50_000), context: '😀'.repeat(100_000), max_credits: 1 };

const post = async (agent: Agent, fields: object = long, headers = {}) =>
  (await agent.post('/v1/tasks', { max_credits: 1, ...fields }, headers)).status;

onBothEngines('the texts that an agent writes', (engine) => {
  it('are limited in 24 hours; everybody else goes on, and so does what writes no text', async () => {
    const market = await Market.fresh(engine, oneMegabyte);
    const [greedy, honest] = [await market.register('greedy'), await market.register('honest')];
    const claimed = await claimTask(honest, greedy);
    const bad = await deliverTask(greedy, honest);
    const task = await postTask(greedy, long);
    expect(await post(greedy)).toBe(201);
    await market.ctx.texts.settle();
    const before = (await greedy.get('/v1/me')).body.credits;
    const refused = await greedy.post('/v1/tasks', { need: 'x', max_credits: 1 });
    expect(expectError(refused, 429)).toBe('You have written more than 1 MiB of texts in 24 hours');
    expect(refused.body.code).toBe('quota_exceeded');
    expect(Number(refused.headers['retry-after'])).toBe((25 * hourMs) / 1000);
    expect((await greedy.get('/v1/me')).body.credits).toBe(before);
    expectError(await greedy.post(`/v1/tasks/${claimed}/deliver`, { result: 'Seven' }), 429);
    expect((await greedy.post(`/v1/tasks/${claimed}/abandon`)).status).toBe(200);
    expect((await greedy.post(`/v1/tasks/${bad}/reject`, { reason: 'Six, not seven' })).status).toBe(200);
    expect((await greedy.post(`/v1/tasks/${task}/cancel`)).status).toBe(200);
    for (let i = 0; i < 3; i++) expect(await post(honest, { need: 'Say hello' })).toBe(201);
    market.clock.advance(25 * hourMs - minuteMs);
    expect(await post(greedy)).toBe(429);
    market.clock.advance(minuteMs);
    expect(await post(greedy)).toBe(201);
    await market.ctx.texts.settle();
    await market.ctx.housekeeping.run();
    expect(await engine.query(market.url, 'select agent_id from texts_written')).toEqual([{ agent_id: greedy.id }]);
  });

  it('count once for each request that writes them, and not for a refusal or a repetition', async () => {
    const market = await Market.fresh(engine, { ...oneMegabyte, PINCHWORK_INITIAL_CREDITS: '2' });
    const agent = await market.register();
    const key = { 'idempotency-key': 'once' };
    expect(await post(agent, long, key)).toBe(201);
    expect(await post(agent, long, key)).toBe(201);
    for (let i = 0; i < 3; i++) expect(await post(agent, { ...long, max_credits: 50 })).toBe(402);
    expect(await post(agent)).toBe(201);
    expect(await post(agent, { need: 'x' })).toBe(429);
    expect(await post(agent, long, key)).toBe(201);
  });

  it('cost no statement while they are small', async () => {
    const market = await Market.fresh(engine, oneMegabyte);
    const agent = await market.register();
    for (let i = 0; i < 5; i++) await postTask(agent, { context: 'x'.repeat(13_000), max_credits: 1 });
    await market.ctx.texts.settle();
    expect(await engine.query(market.url, 'select * from texts_written')).toEqual([]);
    await postTask(agent, { context: 'x'.repeat(1_000), max_credits: 1 });
    await market.ctx.texts.settle();
    const [row] = await engine.query(market.url, 'select bytes from texts_written');
    expect(Number(row!.bytes)).toBe(5 * 13_000 + 1_000 + 6 * 'Count the words'.length);
  });

  it('are still counted after a restart, and after a failure to write them down', async () => {
    const url = await engine.marketUrl();
    const first = await Market.open(url, oneMegabyte);
    const { id, key } = await first.register();
    await postTask(first.client(id, key), long);
    const { transact } = first.ctx.db;
    first.ctx.db.transact = () => Promise.reject(new Error('away'));
    await expect(first.ctx.texts.settle()).rejects.toThrow('away');
    first.ctx.db.transact = transact;
    await first.ctx.texts.settle();
    await first.close();
    const second = await Market.open(url, oneMegabyte);
    onTestFinished(() => second.close());
    const agent = second.client(id, key);
    expect(await post(agent)).toBe(201);
    await second.ctx.texts.settle();
    expect(await post(agent, { need: 'x' })).toBe(429);
  });
});

itOnPostgres('three servers count the texts of an agent together', async () => {
  const url = await postgres.marketUrl();
  const clock = new ManualClock();
  const open = async () => {
    const market = await Market.open(url, oneMegabyte, clock);
    onTestFinished(() => market.close());
    return market;
  };
  const [one, other, third] = [await open(), await open(), await open()];
  const { id, key } = await one.register();
  for (const server of [one, other, third]) {
    expect(await post(server.client(id, key))).toBe(201);
    await server.ctx.texts.settle();
  }
  for (const server of [other, third]) expect(await post(server.client(id, key), { need: 'x' })).toBe(429);
});
