import { expect, it } from 'vitest';
import { network } from '../../../src/rules/limits/network.ts';
import type { Part } from '../../../src/rules/limits/part.ts';
import { crowd } from '../../support/crowd.ts';
import { onBothEngines } from '../../support/engines.ts';
import { type Agent, Market, postTask } from '../../support/market.ts';
import { until } from '../../support/until.ts';

/** More agents, and more tasks, than a request examines by itself. */
const many = 2_100;

onBothEngines('searches that take long', (engine) => {
  const cast = async () => {
    const market = await Market.fresh(engine);
    const poster = await market.register('poster');
    await crowd(engine, market, poster, { count: many });
    await postTask(poster, { need: 'A needle', max_credits: 1 });
    await engine.vandalise(
      market.url,
      `with recursive n (i) as (select 1 union all select i + 1 from n where i < ${many})
       insert into agents (id, name, folded, created_at)
       select 'ag-' || substr('000000000000' || i, length('000000000000' || i) - 11), 'Agent ' || i, 'hay', 1 from n`,
    );
    return { market, poster };
  };
  /** Searches the directory without a key. */
  const anonymous = ({ app }: Market, remoteAddress: string) =>
    app.inject({ url: '/v1/agents?search=needle', headers: { accept: 'application/json' }, remoteAddress });
  const board = async (agent: Agent) => (await agent.get('/v1/tasks/available?search=needle')).status;
  /** Occupies the places of all searches. One search after the other begins then, since each has a bounded time. */
  const occupy = async ({ ctx }: Market): Promise<Part[]> => {
    const { searches } = ctx.shares;
    return Promise.all(Array.from({ length: searches.most }, (_, i) => searches.wait(`occupied ${i}`)));
  };

  it('of the board do not wait for a crowd of anonymous ones', async () => {
    const { market } = await cast();
    const agents = [await market.register('first'), await market.register('second')];
    const { searches, anonymous_searches } = market.ctx.shares;
    const places = await occupy(market);
    const order: string[] = [];
    const crowd: Promise<unknown>[] = [];
    for (let i = 0; i < 12; i++) {
      crowd.push(anonymous(market, `198.51.100.${i}`).then(({ statusCode }) => order.push(`anonymous ${statusCode}`)));
      await until(() => anonymous_searches.waiting === i && searches.waiting === 1);
    }
    const own = agents.map((agent) => board(agent).then((status) => order.push(`board ${status}`)));
    await until(() => searches.waiting === 3);
    for (const place of places) place.release();
    // Two run at once, and the one that waited first is anonymous.
    await until(() => searches.heldBy(agents[1]!.id) > 0);
    expect(order.length).toBeLessThan(4);
    await Promise.all([...crowd, ...own]);
    expect(order.toSorted()).toEqual([...Array<string>(12).fill('anonymous 200'), 'board 200', 'board 200']);
    expect([searches.used, anonymous_searches.used]).toEqual([0, 0]);
  });

  it('of one address do not hold up those of another', async () => {
    const { market } = await cast();
    const { searches, anonymous_searches } = market.ctx.shares;
    const places = await occupy(market);
    const order: string[] = [];
    const ask = (address: string) => anonymous(market, address).then(() => order.push(address));
    const crowd: Promise<unknown>[] = [];
    for (let i = 0; i < 12; i++) {
      crowd.push(ask('198.51.100.1'));
      await until(() => anonymous_searches.waiting === i && searches.waiting === 1);
    }
    const other = ask('198.51.100.2');
    await until(() => anonymous_searches.waiting === 12);
    for (const place of places) place.release();
    await Promise.all([...crowd, other]);
    expect(order.indexOf('198.51.100.2')).toBeLessThan(4);
  });

  it('of one agent have their turn behind those of 64 others', async () => {
    const { market } = await cast();
    const { searches } = market.ctx.shares;
    const agent = await market.register('searcher');
    const places = await occupy(market);
    const order: string[] = [];
    const others = Array.from({ length: 64 }, async (_, i) => {
      const place = await searches.wait(`other ${i}`);
      order.push('other');
      place.release();
    });
    const own = board(agent).then((status) => order.push(`own ${status}`));
    await until(() => searches.waiting === 65 || searches.refused > 0);
    expect(searches.refused).toBe(0);
    for (const place of places) place.release();
    await Promise.all([...others, own]);
    expect(searches.refused).toBe(0);
    expect(order).toEqual([...Array<string>(64).fill('other'), 'own 200']);
  });

  it('that find no place any more are answered with what was found at once', async () => {
    const { market } = await cast();
    const { anonymous_searches } = market.ctx.shares;
    const address = '198.51.100.1';
    const taken: Promise<Part | undefined>[] = [];
    while (anonymous_searches.refused === 0) {
      taken.push(anonymous_searches.wait(network(address)).catch(() => undefined));
    }
    const reply = await anonymous(market, address);
    expect(reply.statusCode).toBe(200);
    expect(reply.json()).toMatchObject({ agents: [], search_partial: true });
    for (const part of taken) (await part)?.release();
  });
});
