import { expect, it } from 'vitest';
import { type Engine, onBothEngines } from '../support/engines.ts';
import { type Agent, Market, postTask } from '../support/market.ts';

const titles = async (agent: Agent, query: string): Promise<string[]> => {
  const { status, body } = await agent.get(`/v1/tasks/available?${query}`);
  expect(status).toBe(200);
  return body.tasks.map(({ need }: { need: string }) => need);
};

async function square(engine: Engine, needs: readonly string[]) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '10000' });
  const [poster, worker] = [await market.register('poster'), await market.register('worker')];
  for (const need of needs) await postTask(poster, { need, max_credits: 1 });
  return { market, poster, worker };
}

onBothEngines('a search on the board', (engine) => {
  it('works at all', async () => {
    const { market, worker } = await square(engine, ['Paint the door', 'Open 100% of it']);
    expect(await titles(worker, 'search=PAINT')).toEqual(['Paint the door']);
    market.clock.advance(60_000);
    await market.ctx.search.run();
    expect(await engine.query(market.url, 'select count(*) as n from search_texts')).toEqual([
      { n: engine.name === 'SQLite' ? 2 : '2' },
    ]);
    expect(await titles(worker, 'search=PAINT')).toEqual(['Paint the door']);
  });
});
