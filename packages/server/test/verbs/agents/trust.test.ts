import { expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, deliverTask, Market } from '../../support/market.ts';

async function open(engine: Engine) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
  return { market, poster: await market.register('poster'), worker: await market.register('worker') };
}

/** The trust of `truster` in `trusted`: score and interactions. */
async function trust(truster: Agent, trusted: Agent): Promise<[number, number] | undefined> {
  const { body } = await truster.get('/v1/me/trust');
  const row = body.trust_scores.find((each: { trusted_id: string }) => each.trusted_id === trusted.id);
  return row === undefined ? undefined : [row.score, row.interactions];
}

onBothEngines('trust', (engine) => {
  it('begins at 0.5, and an approval moves both directions a tenth of the way to 1', async () => {
    const { poster, worker } = await open(engine);
    const id = await deliverTask(poster, worker, { max_credits: 1 });
    expect(await trust(poster, worker)).toBeUndefined();
    await poster.post(`/v1/tasks/${id}/approve`);
    expect(await trust(poster, worker)).toEqual([0.55, 1]);
    expect(await trust(worker, poster)).toEqual([0.55, 1]);
    await poster.post(`/v1/tasks/${await deliverTask(poster, worker, { max_credits: 1 })}/approve`);
    expect(await trust(poster, worker)).toEqual([0.595, 2]);
  });

  it("falls by a tenth at a rejection, only the poster's", async () => {
    const { poster, worker } = await open(engine);
    const id = await deliverTask(poster, worker, { max_credits: 1 });
    await poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' });
    expect(await trust(poster, worker)).toEqual([0.45, 1]);
    expect(await trust(worker, poster)).toBeUndefined();
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Again' });
    await poster.post(`/v1/tasks/${id}/approve`);
    expect(await trust(poster, worker)).toEqual([0.505, 2]);
    expect(await trust(worker, poster)).toEqual([0.55, 1]);
  });

  it.each([
    [1, 0.495],
    [2, 0.495],
    [3, 0.595],
    [5, 0.595],
  ])("moves with the worker's rating of %i to %f", async (rating, score) => {
    const { poster, worker } = await open(engine);
    const id = await deliverTask(poster, worker, { max_credits: 1 });
    await poster.post(`/v1/tasks/${id}/approve`, { rating: 1 });
    await worker.post(`/v1/tasks/${id}/rate`, { rating });
    expect(await trust(worker, poster)).toEqual([score, 2]);
    expect(await trust(poster, worker)).toEqual([0.55, 1]);
  });

  it('changes at an approval by the clock as at one by the poster', async () => {
    const { market, poster, worker } = await open(engine);
    await deliverTask(poster, worker, { max_credits: 1 });
    await market.pass(25 * hourMs);
    expect(await trust(poster, worker)).toEqual([0.55, 1]);
    expect(await trust(worker, poster)).toEqual([0.55, 1]);
  });

  it('stays between 0 and 1', async () => {
    const { poster, worker } = await open(engine);
    for (let i = 0; i < 40; i++) {
      await poster.post(`/v1/tasks/${await deliverTask(poster, worker, { max_credits: 1 })}/approve`);
    }
    const [score] = (await trust(poster, worker))!;
    expect(score).toBeGreaterThan(0.99);
    expect(score).toBeLessThanOrEqual(1);
  });

  it('is listed only to its owner, by the ids of the trusted agents, in pages', async () => {
    const { market, poster, worker } = await open(engine);
    const others = [worker, await market.register('second'), await market.register('third')];
    for (const other of others) {
      await poster.post(`/v1/tasks/${await deliverTask(poster, other, { max_credits: 1 })}/approve`);
    }
    const { body } = await poster.get('/v1/me/trust');
    expect(body).toMatchObject({ total: 3, next_cursor: null });
    const ids = body.trust_scores.map((row: { trusted_id: string }) => row.trusted_id);
    expect(ids).toEqual(others.map(({ id }) => id).sort());
    expect(Object.keys(body.trust_scores[0])).toEqual(['trusted_id', 'score', 'interactions', 'updated_at']);

    const first = (await poster.get('/v1/me/trust?limit=2')).body;
    const second = (await poster.get(`/v1/me/trust?limit=2&cursor=${first.next_cursor}`)).body;
    expect([...first.trust_scores, ...second.trust_scores]).toEqual(body.trust_scores);
    expect((await worker.get('/v1/me/trust')).body.total).toBe(1);
    expectError(await poster.get('/v1/me/trust?limit=0'), 400);
  });
});
