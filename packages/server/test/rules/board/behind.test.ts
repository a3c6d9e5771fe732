import { expect, it } from 'vitest';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { browseAll, forgetMatches } from '../../support/board.ts';
import { answer, answers, registerHelper } from '../../support/helpers.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';

/** More tasks than a transaction examines. */
const inTheWay = 10_500;

/** Inserts tasks of `poster` at the beginning of the board, directly into the tables and without escrow. */
const prefix = (poster: string, tag: string | undefined) => {
  const numbers = `with recursive n (i) as (select 1 union all select i + 1 from n where i < ${inTheWay})`;
  const id = `'tk-' || substr('000000000000' || i, length('000000000000' || i) - 11)`;
  return [
    `${numbers} insert into tasks (id, poster_id, need, tags, max_credits, fee_ppm, status, version, created_at, expires_at)
       select ${id}, '${poster}', 'seed', '[]', 1, 0, 'posted', 1, i, 4102444800000 from n`,
    ...(tag === undefined
      ? []
      : [`${numbers} insert into board_tags (tag, created_at, task_id) select '${tag}', i, ${id} from n`]),
  ];
};

async function open(...[engine]: Parameters<typeof Market.fresh>) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
  const helper = await registerHelper(market);
  const capable = await market.register('capable', { good_at: 'This and that' });
  await answer(helper, answers.extract(['one', 'both']));
  await helper.patch('/v1/me', { accepts_system_tasks: false });
  const poster = await market.register('poster');
  return { market, capable, poster };
}

/** Updates the statistics of PostgreSQL's planner. */
const seed = (engine: Engine, market: Market, statements: string[]) =>
  engine.vandalise(market.url, ...statements, ...(engine.name === 'PostgreSQL' ? ['analyze'] : []));

/** A budget of time in which each search gets through one step only. */
const browse = (agent: Agent) => browseAll(agent, 'limit=20');

const next = async (agent: Agent, query = '') => (await agent.post(`/v1/tasks/pickup${query}`)).body?.task_id;

onBothEngines('an agent with capabilities', (engine) => {
  it('picks up a task behind thousands of its own', async () => {
    const { market, capable, poster } = await open(engine);
    await seed(engine, market, prefix(capable.id, undefined));
    const ids = [await postTask(poster, { max_credits: 1 }), await postTask(poster, { max_credits: 1 })];
    expect(await browse(capable)).toEqual(ids);
    expect([await next(capable), await next(capable)]).toEqual(ids);
  });

  it('picks up a task with two tags behind thousands with one of them', async () => {
    const { market, capable, poster } = await open(engine);
    await seed(engine, market, prefix(poster.id, 'one'));
    const id = await postTask(poster, { max_credits: 1, tags: ['one', 'two'] });
    expect(await next(capable, '?tags=one,two')).toBe(id);
  });

  /**
   * Untagged tasks, more than the window ranks; behind them tasks with a tag, more than its window holds. Nobody was
   * chosen for them.
   */
  const overfull = async (market: Market, poster: Agent) => {
    const ids: Record<'plain' | 'tagged', string[]> = { plain: [], tagged: [] };
    for (let i = 0; i < 110; i++) ids.plain.push(await postTask(poster, { max_credits: 1 }));
    for (let i = 0; i < 180; i++) {
      ids.tagged.push(await postTask(poster, { max_credits: 1, tags: [i % 3 === 0 ? 'both' : 'one'] }));
    }
    await forgetMatches(engine, market);
    return ids;
  };

  it('gets total_capped when it is matched to more tasks than are counted', async () => {
    const { market, capable, poster } = await open(engine);
    await seed(engine, market, [
      ...prefix(poster.id, undefined),
      `update tasks set match_count = 1`,
      `insert into matches (task_id, agent_id, rank, task_created_at, on_board)
       select id, '${capable.id}', 0, created_at, 1 from tasks`,
      // The first six and the last four.
      `insert into board_tags (tag, created_at, task_id)
       select 'rare', created_at, id from tasks where created_at <= 6 or created_at > ${inTheWay - 4}`,
    ]);
    const { body } = await capable.get('/v1/tasks/available?tags=rare&limit=5');
    expect([body.tasks.length, body.total, body.total_capped]).toEqual([5, 6, true]);
  });

  it('sees tasks with its tags first, even behind hundreds of others', async () => {
    const { market, capable, poster } = await open(engine);
    const { plain, tagged } = await overfull(market, poster);
    const seen = await browse(capable);
    // A page of the largest size is in its own order; after it, the oldest come first.
    expect(tagged).toEqual(expect.arrayContaining(seen.slice(0, 100)));
    expect(seen.slice(100, 210)).toEqual(plain);
    expect(seen.toSorted()).toEqual([...plain, ...tagged].toSorted());
  });

  it('reads every task once by cursor while others pick up', async () => {
    const { market, capable, poster } = await open(engine);
    const other = await market.register('other');
    const { plain, tagged } = await overfull(market, poster);
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await capable.get(`/v1/tasks/available?limit=40${cursor === '' ? '' : `&cursor=${cursor}`}`);
      const page = body.tasks.map(({ task_id }: { task_id: string }) => task_id);
      seen.push(...page);
      cursor = body.next_cursor;
      // Other tasks move into the window in place of those that were shown and claimed.
      if (seen.length <= 200) for (const id of page.slice(0, 12)) await other.post(`/v1/tasks/${id}/pickup`);
    }
    expect(seen.toSorted()).toEqual([...plain, ...tagged].toSorted());
  });

  it('reads a task by cursor although its poster’s reputation has risen since', async () => {
    const { market, capable, poster } = await open(engine);
    const [rising, worker] = [await market.register('rising'), await market.register('worker')];
    const ids: string[] = [];
    for (let i = 0; i < 15; i++) ids.push(await postTask(i < 10 ? poster : rising, { max_credits: 1 }));
    const first = (await capable.get('/v1/tasks/available?limit=8')).body;
    const done = await deliverTask(rising, worker, { max_credits: 1 });
    await rising.post(`/v1/tasks/${done}/approve`);
    expect((await worker.post(`/v1/tasks/${done}/rate`, { rating: 5 })).status).toBe(201);
    expect(await next(capable)).toBe(ids[10]);
    const { body } = await capable.get(`/v1/tasks/available?cursor=${first.next_cursor}`);
    const seen = [...first.tasks, ...body.tasks].map(({ task_id }: { task_id: string }) => task_id);
    expect(seen).toEqual([...ids.slice(0, 8), ...ids.slice(11), ...ids.slice(8, 10)]);
  });

  it.each([
    ['window', ['window', 'tk-0123456789AB']],
    ['window', ['window', 'A'.repeat(101 * 12)]],
    ['window', ['window']],
    ['rest', ['rest', '1', 'tk-0123456789AB', '']],
    ['rest', ['rest', 1.5, 'tk-0123456789AB', '']],
    ['matched', ['matched', 1, 1, 'tk-0123456789AB', '']],
    ['part', ['elsewhere', 1, 1, 'tk-0123456789AB']],
  ])('refuses a cursor that the server did not write: another %s', async (_, position) => {
    const { capable } = await open(engine);
    const cursor = Buffer.from(JSON.stringify(['board', ...position])).toString('base64url');
    expectError(await capable.get(`/v1/tasks/available?cursor=${cursor}`), 400);
  });

  it('reaches every task by picking up', async () => {
    const { market, capable, poster } = await open(engine);
    const { plain, tagged } = await overfull(market, poster);
    const reached: string[] = [];
    for (let id = await next(capable); id !== undefined; id = await next(capable)) reached.push(id);
    expect(reached.toSorted()).toEqual([...plain, ...tagged].toSorted());
  });
});
