import { expect, it } from 'vitest';
import { crowd } from '../../support/crowd.ts';
import { onBothEngines } from '../../support/engines.ts';
import { postTask, type Reply } from '../../support/market.ts';
import { registerHelper } from '../../support/helpers.ts';
import { openBoard, settle, many } from '../../support/searching.ts';

onBothEngines('picking up by a search', (engine) => {
  it.each(['next', 'batch'])('claims a task far behind on the board: %s', async (how) => {
    const { market, poster, worker } = await openBoard(engine);
    await crowd(engine, market, poster, { count: many });
    for (const need of ['One needle', 'Two needles']) await postTask(poster, { need, max_credits: 1 });
    await settle(market);
    const pickup = async (search: string): Promise<Reply> => {
      const reply =
        how === 'next'
          ? await worker.post(`/v1/tasks/pickup?search=${search}`)
          : await worker.post('/v1/tasks/pickup/batch', { search, count: 1 });
      // A busy machine may not finish in time.
      const isPartial = reply.headers['x-search-partial'] === 'true' || reply.body.search_partial === true;
      return isPartial ? pickup(search) : reply;
    };
    const needOf = ({ body }: Reply) => (how === 'next' ? body.need : body.tasks[0]?.need);
    expect(needOf(await pickup('NEEDLE'))).toBe('One needle');
    expect(needOf(await pickup('needle'))).toBe('Two needles');
    const none = await pickup('needle');
    expect(needOf(none)).toBeUndefined();
    expect(none.status).toBe(how === 'next' ? 204 : 200);
  });

  it('never hides system tasks', async () => {
    const { market, poster } = await openBoard(engine);
    const helper = await registerHelper(market);
    await postTask(poster, { need: 'Paint', max_credits: 1 });
    expect((await helper.post('/v1/tasks/pickup?search=absent')).body.poster_id).toBe('ag-platform');
    expect((await helper.post('/v1/tasks/pickup?search=absent')).status).toBe(204);
  });
});
