import { expect, it } from 'vitest';
import { crowd } from '../../support/crowd.ts';
import { onBothEngines } from '../../support/engines.ts';
import { postTask } from '../../support/market.ts';
import { find, openBoard, settle, docs, many } from '../../support/searching.ts';

onBothEngines('the index of texts', (engine) => {
  it('removes ended tasks, and adds tasks that appear late, in the order of their age', async () => {
    const { market, poster, worker } = await openBoard(engine);
    await crowd(engine, market, poster, { count: many });
    const ids: string[] = [];
    for (const need of ['Needle A', 'Needle B', 'Needle C']) {
      market.clock.advance(1_000);
      ids.push(await postTask(poster, { need, max_credits: 1 }));
    }
    await settle(market);
    await poster.post(`/v1/tasks/${ids[0]}/cancel`);
    await market.ctx.search.run();
    expect((await docs(engine, market)).slice(many)).toEqual(ids.slice(1));
    await engine.vandalise(
      market.url,
      `update tasks set created_at = created_at - 5000 where id = '${ids[2]}'`,
      `delete from search_texts where task_id = '${ids[2]}'`,
    );
    await market.ctx.search.run();
    expect((await docs(engine, market)).slice(many)).toEqual([ids[2], ids[1]]);
    expect((await find(worker, 'needle')).needs).toEqual(['Needle C', 'Needle B']);
  });

  it('leaves out tasks posted a moment ago', async () => {
    const { market, poster } = await openBoard(engine);
    await postTask(poster);
    await market.ctx.search.run();
    expect(await docs(engine, market)).toEqual([]);
    await settle(market);
    expect(await docs(engine, market)).toHaveLength(1);
  });
});
