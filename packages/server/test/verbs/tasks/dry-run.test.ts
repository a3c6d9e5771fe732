import { expect, it } from 'vitest';
import { secondMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { type Agent, deliverTask, Market } from '../../support/market.ts';
import { readTables } from '../../support/tables.ts';

onBothEngines('a dry run', (engine) => {
  const post = (agent: Agent, fields: object, headers?: Record<string, string>) =>
    agent.post('/v1/tasks', { need: 'Count the words', ...fields }, headers);

  it('says what posting would hold and cost, changes nothing, and ignores an idempotency key', async () => {
    const market = await Market.fresh(engine, { PINCHWORK_TEXT_MB_PER_DAY: '1' });
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const before = await readTables(market.url);
    const key = { 'idempotency-key': 'first' };
    const terms = { grace_minutes: 10, for_agents: [worker.id], wait: 1, tags: ['count'] };
    const { status, body, headers } = await post(poster, { max_credits: 25, dry_run: true, ...terms }, key);
    expect([status, body]).toEqual([200, { dry_run: true, held: 25, fee: 2, balance: 75, suggested_credits: null }]);
    expect(headers).not.toHaveProperty('x-task-id');
    expect((await post(poster, { dry_run: true })).body).toMatchObject({ held: 50, fee: 5, balance: 50 });
    // 40 of them have more texts than an agent may write in a day.
    for (let i = 0; i < 40; i++) await post(poster, { need: 'x'.repeat(30_000), dry_run: true });
    expect(await readTables(market.url)).toEqual(before);
    expect((await post(poster, { max_credits: 25 }, key)).status).toBe(201);
  });

  it('suggests what tasks with the same tags cost', async () => {
    const market = await Market.fresh(engine);
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const id = await deliverTask(poster, worker, { max_credits: 7, tags: ['count'] });
    await poster.post(`/v1/tasks/${id}/approve`);
    market.clock.advance(11 * secondMs);
    await market.ctx.marketFigures.run();
    expect((await post(poster, { dry_run: true, tags: ['COUNT'] })).body.suggested_credits).toBe(7);
    expect((await post(poster, { dry_run: true, tags: ['other'] })).body.suggested_credits).toBeNull();
  });

  it('fails as the real request does', async () => {
    const market = await Market.fresh(engine);
    const poster = await market.register('poster');
    const { body: made } = await poster.post('/v1/me/keys', {
      name: 'small',
      scopes: ['post'],
      max_credits_per_day: 9,
    });
    const small = market.client(poster.id, made.api_key);
    const { body: reading } = await poster.post('/v1/me/keys', { name: 'reading', scopes: ['read'] });
    const refused: [Agent, object, number, string][] = [
      [poster, { max_credits: 101 }, 402, 'insufficient_credits'],
      [small, { max_credits: 10 }, 402, 'budget_exceeded'],
      [poster, { max_credits: 0 }, 400, 'invalid_request'],
      [poster, { grace_minutes: 4 }, 400, 'invalid_request'],
      [poster, { for_agents: [poster.id] }, 400, 'invalid_request'],
      [poster, { acceptance: { must_match: ['('] } }, 400, 'invalid_request'],
      [market.client(poster.id, reading.api_key), {}, 403, 'scope_missing'],
    ];
    for (const [agent, fields, status, code] of refused) {
      const tried = await post(agent, { ...fields, dry_run: true });
      const real = await post(agent, fields);
      expect([tried.status, tried.body.code]).toEqual([status, code]);
      expect({ ...tried.body, request_id: '' }).toEqual({ ...real.body, request_id: '' });
    }
  });

  it('counts as a read in the limits', async () => {
    const market = await Market.fresh(engine, {
      PINCHWORK_RATE_LIMIT_CREATE: '1/hour',
      PINCHWORK_RATE_LIMIT_READ: '3/hour',
    });
    const poster = await market.register('poster');
    for (let i = 0; i < 3; i++) expect((await post(poster, { dry_run: true })).status).toBe(200);
    expect((await post(poster, { dry_run: true })).body).toMatchObject({ code: 'rate_limited' });
    expect((await poster.get('/v1/me')).status).toBe(429);
    expect((await post(poster, {})).status).toBe(201);
  });
});
