import { expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { describeOnPostgres, type Engine, onBothEngines, postgres } from '../../support/engines.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';
import { queueForTask } from '../../support/queued.ts';

const dayMs = 24 * hourMs;

async function open(engine: Engine, days: string) {
  const market = await Market.fresh(engine, { PINCHWORK_TEXT_RETENTION_DAYS: days, PINCHWORK_INITIAL_CREDITS: '1000' });
  return { market, poster: await market.register('poster'), worker: await market.register('worker') };
}

async function keepHouse(market: Market): Promise<void> {
  while (await market.ctx.housekeeping.run());
}

const fields = { need: 'Zimtschnecke', max_credits: 1 };
const textOf = async (agent: Agent, id: string) => {
  const { need, texts_removed: why } = (await agent.get(`/v1/tasks/${id}`)).body;
  return [need, why];
};
const kept = ['Zimtschnecke', undefined];
const removed = ['', 'retention'];

async function approve(poster: Agent, worker: Agent): Promise<string> {
  const id = await deliverTask(poster, worker, fields);
  await poster.post(`/v1/tasks/${id}/approve`, { feedback: 'Zimtschnecke' });
  return id;
}

onBothEngines('the retention of texts', (engine) => {
  it('removes the texts of a task so long after its end, and never those of an open one', async () => {
    const { market, poster, worker } = await open(engine, '10');
    const ended = await approve(poster, worker);
    const lasting = await claimTask(poster, worker, { ...fields, claim_timeout_minutes: 1_440 });
    const cancelled = await postTask(poster, fields);
    market.clock.advance(dayMs / 2);
    await worker.post(`/v1/tasks/${lasting}/deliver`, { result: 'Zimtschnecke' });
    await poster.post(`/v1/tasks/${cancelled}/cancel`);
    market.clock.advance(9.5 * dayMs - 1);
    await keepHouse(market);
    expect(await textOf(poster, ended)).toEqual(kept);
    market.clock.advance(1);
    await keepHouse(market);
    expect(await textOf(poster, ended)).toEqual(removed);
    expect(await textOf(worker, ended)).toEqual(removed);
    expect(await textOf(poster, cancelled)).toEqual(kept);
    market.clock.advance(dayMs / 2);
    await keepHouse(market);
    expect(await textOf(poster, cancelled)).toEqual(removed);
    // It was delivered and is open still, because the timers have not run.
    for (let i = 0; i < 2; i++) {
      expect(await textOf(poster, lasting)).toEqual(kept);
      market.clock.advance(10 * dayMs);
      await keepHouse(market);
    }
    await market.pass(1);
    market.clock.advance(10 * dayMs);
    await keepHouse(market);
    expect(await textOf(poster, lasting)).toEqual(removed);
    expect((await worker.post(`/v1/tasks/${ended}/rate`, { rating: 5, feedback: 'Late' })).body.feedback).toBe(null);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ broken: [] });
  });

  it('removes them from replies that are stored with idempotency keys too', async () => {
    const { market, poster, worker } = await open(engine, '0.5');
    const [early, late] = [await deliverTask(poster, worker, fields), await deliverTask(poster, worker, fields)];
    const say = { rating: 5, feedback: 'Zimtschnecke' };
    const asked: [Agent, string][] = [
      [poster, `/v1/tasks/${early}/approve`],
      [poster, `/v1/tasks/${late}/approve`],
      [worker, `/v1/tasks/${early}/rate`],
    ];
    const send = ([agent, path]: [Agent, string]) => agent.post(path, say, { 'idempotency-key': path });
    for (const each of asked) expect((await send(each)).body.feedback).toBe('Zimtschnecke');
    market.clock.advance(dayMs / 2);
    await keepHouse(market);
    for (const each of asked) {
      const again = await send(each);
      expect([again.headers['idempotency-replayed'], again.body.feedback]).toEqual(['true', null]);
    }
    expect(JSON.stringify(await engine.query(market.url, 'select reply from idempotency_keys'))).not.toContain('Zimt');
  });

  it('leaves texts under an open report until it is decided', async () => {
    const { market, poster, worker } = await open(engine, '0.5');
    const id = await approve(poster, worker);
    const { body } = await worker.post(`/v1/tasks/${id}/report`, { reason: 'Rude' });
    market.clock.advance(dayMs);
    await keepHouse(market);
    expect(await textOf(poster, id)).toEqual(kept);
    await market.admin.post(`/v1/admin/reports/${body.report_id}`, { status: 'resolved' });
    market.clock.advance(minuteMs);
    await keepHouse(market);
    expect(await textOf(poster, id)).toEqual(removed);
  });

  it('finds every task, in steps, and leaves alone what the operator removed', async () => {
    const { market, poster, worker } = await open(engine, '1');
    const ids: string[] = [];
    for (let i = 0; i < 210; i++) ids.push(await postTask(poster, fields));
    for (const id of ids) await poster.post(`/v1/tasks/${id}/cancel`);
    const redacted = await approve(poster, worker);
    await market.admin.post(`/v1/admin/tasks/${redacted}/redact`, { reason: 'Private' });
    market.clock.advance(dayMs);
    await keepHouse(market);
    const query = "select texts_removed as why, count(*) as n from tasks where kind = 'work' group by texts_removed";
    const rows = await engine.query(market.url, query);
    expect(Object.fromEntries(rows.map(({ why, n }) => [String(why), Number(n)]))).toEqual({
      retention: 210,
      operator: 1,
    });
    expect(await engine.query(market.url, 'select * from text_retention')).toEqual([]);
  });

  it('is off by default', async () => {
    const { market, poster, worker } = await open(engine, '');
    const id = await approve(poster, worker);
    market.clock.advance(4_000 * dayMs);
    await keepHouse(market);
    expect(await textOf(poster, id)).toEqual(kept);
  });
});

describeOnPostgres('a report at the moment at which the texts of its task are removed', () => {
  it.each<[string, (market: Market, poster: Agent) => Promise<unknown>]>([
    ['by the retention', keepHouse],
    [
      'with the poster, who deletes itself',
      async (market, poster) => {
        await poster.delete(`/v1/me?confirm=${poster.id}`);
        await market.ctx.erasure.run();
      },
    ],
  ])('keeps them, if it comes first: %s', async (_, remove) => {
    const { market, poster, worker } = await open(postgres, '0.5');
    const id = await approve(poster, worker);
    market.clock.advance(dayMs);
    const [{ status, body }] = await queueForTask(market, id, [
      () => worker.post(`/v1/tasks/${id}/report`, { reason: 'Rude' }),
      () => remove(market, poster),
    ]);
    expect(status).toBe(201);
    expect(await textOf(worker, id)).toEqual(kept);
    await market.admin.post(`/v1/admin/reports/${body.report_id}`, { status: 'resolved' });
    market.clock.advance(hourMs);
    await market.ctx.erasure.run();
    await keepHouse(market);
    expect((await textOf(worker, id))[0]).toBe('');
  });
});
