import { expect, it } from 'vitest';
import { secondMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

const idsOf = (tasks: { task_id: string }[]) => tasks.map(({ task_id }) => task_id);

/** Reads a whole list by cursor. */
async function readAll(agent: Agent, path: string, start?: string): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor = start === undefined ? '' : `&cursor=${start}`; ;) {
    const { status, body } = await agent.get(`${path}${cursor}`);
    expect(status).toBe(200);
    ids.push(...idsOf(body.tasks));
    if (body.next_cursor === null) return ids;
    cursor = `&cursor=${body.next_cursor}`;
  }
}

onBothEngines('lists', (engine) => {
  const cast = async () => {
    const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '100000' });
    return { market, poster: await market.register('poster'), worker: await market.register('worker') };
  };
  const postMany = async (poster: Agent, market: Market, count: number, fields: (i: number) => object = () => ({})) => {
    const ids: string[] = [];
    for (let i = 0; i < count; i++) {
      ids.push(await postTask(poster, { max_credits: 1, ...fields(i) }));
      if (i % 3 === 0) market.clock.advance(secondMs);
    }
    return ids;
  };

  it('the board has all tasks that others have posted, oldest first', async () => {
    const { market, poster, worker } = await cast();
    const ids = await postMany(poster, market, 7);
    const own = await postTask(worker);
    const { body } = await worker.get('/v1/tasks/available');
    expect(idsOf(body.tasks)).toEqual(ids);
    expect(body).toMatchObject({ total: 7, next_cursor: null });
    expect(idsOf((await poster.get('/v1/tasks/available')).body.tasks)).toEqual([own]);
  });

  it('the board is read to its end by cursor, without repeats, while it changes', async () => {
    const { market, poster, worker } = await cast();
    const ids = await postMany(poster, market, 10);
    const first = (await worker.get('/v1/tasks/available?limit=4')).body;
    await worker.post(`/v1/tasks/${ids[0]}/pickup`);
    const rest = await readAll(worker, '/v1/tasks/available?limit=4', first.next_cursor);
    expect([...idsOf(first.tasks), ...rest]).toEqual(ids);
    expect(idsOf((await worker.get('/v1/tasks/available?limit=3&offset=3')).body.tasks)).toEqual(ids.slice(4, 7));
  });

  it('a tag filter requires every tag, ignoring case', async () => {
    const { market, poster, worker } = await cast();
    const tags = [['Alpha'], ['alpha', 'BETA'], ['beta'], ['beta', 'ALPHA', 'gamma'], []];
    const ids = await postMany(poster, market, 5, (i) => ({ tags: tags[i]! }));
    const browse = async (query: string) => (await worker.get(`/v1/tasks/available?tags=${query}`)).body;
    expect(await browse('ALPHA,beta')).toMatchObject({ total: 2, tasks: [{ task_id: ids[1] }, { task_id: ids[3] }] });
    expect(idsOf((await browse('beta')).tasks)).toEqual([ids[1], ids[2], ids[3]]);
    expect(await browse('alpha,delta')).toMatchObject({ total: 0, tasks: [] });
    expect((await worker.post('/v1/tasks/pickup?tags=gamma')).body.task_id).toBe(ids[3]);
    expect((await worker.post('/v1/tasks/pickup?tags=gamma')).status).toBe(204);
    const batch = await worker.post('/v1/tasks/pickup/batch', { tags: ['alpha'], count: 10 });
    expect(idsOf(batch.body.tasks)).toEqual([ids[0], ids[1]]);
    await worker.post(`/v1/tasks/${ids[0]}/abandon`);
    expect(idsOf((await browse('alpha')).tasks)).toEqual([ids[0]]);
  });

  it('pickup claims in the order of the board', async () => {
    const { market, poster, worker } = await cast();
    const ids = await postMany(poster, market, 5);
    expect((await worker.post('/v1/tasks/pickup')).body.task_id).toBe(ids[0]);
    expect(idsOf((await worker.post('/v1/tasks/pickup/batch', { count: 2 })).body.tasks)).toEqual([ids[1], ids[2]]);
    expect((await worker.post('/v1/tasks/pickup/batch')).body).toMatchObject({ total: 2 });
    expect((await worker.post('/v1/tasks/pickup/batch')).body).toEqual({ tasks: [], total: 0 });
  });

  it("an agent's own tasks are read newest first, by role and status", async () => {
    const { market, poster, worker } = await cast();
    const posted = await postMany(poster, market, 3);
    const claimed = await claimTask(poster, worker);
    market.clock.advance(secondMs);
    const delivered = await deliverTask(worker, poster);
    const mine = async (query: string) => idsOf((await poster.get(`/v1/tasks/mine?${query}`)).body.tasks);
    expect(await mine('')).toEqual([delivered, claimed, ...posted.toReversed()]);
    expect(await mine('role=poster')).toEqual([claimed, ...posted.toReversed()]);
    expect(await mine('role=worker')).toEqual([delivered]);
    expect(await mine('status=claimed')).toEqual([claimed]);
    expect(await mine('status=posted&role=poster&limit=2&offset=1')).toEqual([posted[1], posted[0]]);
    expect(await readAll(poster, '/v1/tasks/mine?limit=2')).toEqual([delivered, claimed, ...posted.toReversed()]);
    expect((await poster.get('/v1/tasks/mine?role=boss')).status).toBe(400);
    expect((await poster.get('/v1/tasks/mine?status=lost')).status).toBe(400);
  });

  it('totals are counted up to 1,000, with total_capped above', async () => {
    const { poster, worker } = await cast();
    for (let i = 0; i < 1_000; i++) await postTask(poster, { max_credits: 1 });
    const exact = (await worker.get('/v1/tasks/available?limit=1')).body;
    expect(exact.total).toBe(1_000);
    expect(exact).not.toHaveProperty('total_capped');
    await postTask(poster, { max_credits: 1 });
    const capped = { total: 1_000, total_capped: true };
    expect((await worker.get('/v1/tasks/available?limit=1')).body).toMatchObject(capped);
    expect((await poster.get('/v1/tasks/mine?limit=1')).body).toMatchObject(capped);
    expect((await poster.get('/v1/me/credits?limit=1')).body).toMatchObject(capped);
  });

  it('the ledger is read newest first, by offset or cursor', async () => {
    const { market, poster } = await cast();
    await postMany(poster, market, 5, (i) => ({ max_credits: i + 1 }));
    const amounts = async (query: string) => {
      const { body } = await poster.get(`/v1/me/credits?${query}`);
      return [body.ledger.map(({ amount }: { amount: number }) => amount), body.next_cursor];
    };
    const [first, cursor] = await amounts('limit=4');
    expect(first).toEqual([-5, -4, -3, -2]);
    expect(await amounts(`limit=4&cursor=${cursor}`)).toEqual([[-1, 100_000], null]);
    expect((await amounts('limit=2&offset=3'))[0]).toEqual([-2, -1]);
  });
});
