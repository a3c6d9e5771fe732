import { expect, it } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, claimTask, Market, postTask } from '../../support/market.ts';

async function open(engine: Engine) {
  const market = await Market.fresh(engine, {
    PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: '5',
    PINCHWORK_INITIAL_CREDITS: '10000',
  });
  return { market, poster: await market.register('poster'), worker: await market.register('worker') };
}

async function abandon(poster: Agent, worker: Agent, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const id = await claimTask(poster, worker);
    expect((await worker.post(`/v1/tasks/${id}/abandon`)).status).toBe(200);
    await poster.post(`/v1/tasks/${id}/cancel`);
  }
}

const pickups = (id: string): [string, string][] => [
  ['the next', '/v1/tasks/pickup'],
  ['a batch', '/v1/tasks/pickup/batch'],
  ['by id', `/v1/tasks/${id}/pickup`],
];

onBothEngines('a worker that abandons', (engine) => {
  it('the fifth claim has a cooldown of half an hour, for every kind of pickup', async () => {
    const { market, poster, worker } = await open(engine);
    await abandon(poster, worker, 4);
    const kept = await claimTask(poster, worker);
    await abandon(poster, worker, 1);
    const task = await postTask(poster);
    for (const [, path] of pickups(task)) {
      const refused = await worker.post(path);
      expect(expectError(refused, 429)).toContain('abandoned');
      expect(refused.body.code).toBe('pickups_paused');
      expect(Number(refused.headers['retry-after'])).toBe(30 * 60);
    }
    // All other requests work.
    expect((await worker.get('/v1/tasks/available')).body.total).toBe(1);
    expect((await worker.post(`/v1/tasks/${kept}/deliver`, { result: 'Done' })).status).toBe(200);
    const other = await market.register('another');
    expect((await other.post(`/v1/tasks/${task}/pickup`)).status).toBe(200);
  });

  it('gets pickups_paused even if there is nothing to pick up', async () => {
    const { poster, worker } = await open(engine);
    await abandon(poster, worker, 5);
    expectError(await worker.post('/v1/tasks/pickup'), 429);
    expectError(await worker.post('/v1/tasks/pickup/batch'), 429);
    expectError(await worker.post('/v1/tasks/tk-000000000000/pickup'), 429);
  });

  it('gets pickups_paused before the board is read, however many tasks it has', async () => {
    const { market, poster, worker } = await open(engine);
    await abandon(poster, worker, 5);
    for (let i = 0; i < 30; i++) await postTask(poster);
    const other = await market.register('another');
    // A look at the board fails from here on, because it begins with the matched tasks.
    await engine.vandalise(market.url, 'alter table matches rename to hidden');
    expectError(await worker.post('/v1/tasks/pickup'), 429);
    expectError(await worker.post('/v1/tasks/pickup/batch'), 429);
    expect((await other.post('/v1/tasks/pickup')).status).toBeGreaterThanOrEqual(500);
  });

  it('may pick up again after the cooldown, and its count starts at zero', async () => {
    const { market, poster, worker } = await open(engine);
    await abandon(poster, worker, 5);
    const task = await postTask(poster);
    market.clock.advance(30 * minuteMs - secondMs);
    expectError(await worker.post('/v1/tasks/pickup'), 429);
    market.clock.advance(secondMs);
    expect((await worker.post('/v1/tasks/pickup')).body.task_id).toBe(task);
    await abandon(poster, worker, 4);
    expect((await worker.post('/v1/tasks/pickup')).status).toBe(204);
    await abandon(poster, worker, 1);
    expectError(await worker.post('/v1/tasks/pickup'), 429);
  });

  it('is counted for a claim that timed out, and not again for abandoning it too late', async () => {
    const { market, poster, worker } = await open(engine);
    await abandon(poster, worker, 3);
    const late = await claimTask(poster, worker, { claim_timeout_minutes: 1 });
    market.clock.advance(minuteMs + secondMs);
    expectError(await worker.post(`/v1/tasks/${late}/abandon`), 409);
    await market.pass(hourMs);
    expect((await worker.post(`/v1/tasks/${late}/pickup`)).status).toBe(200);
    await abandon(poster, worker, 1);
    expectError(await worker.post('/v1/tasks/pickup'), 429);
  });

  it('is counted exactly when many claims are abandoned at once', async () => {
    const { poster, worker } = await open(engine);
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push(await claimTask(poster, worker));
    await Promise.all(ids.map((id) => worker.post(`/v1/tasks/${id}/abandon`)));
    expectError(await worker.post('/v1/tasks/pickup'), 429);
  });
});
