import { afterAll, beforeAll, expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { overloaded } from '../../../src/ground/errors.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answer, answers, registerHelper } from '../../support/helpers.ts';
import { emptyRecord } from '../../support/poster-record.ts';
import { type Agent, deliverTask, Market, type Reply } from '../../support/market.ts';

const get = (market: Market, url: string): Promise<Reply> => market.request({ method: 'GET', url });
const names = (reply: Reply): string[] => reply.body.agents.map((agent: { name: string }) => agent.name);
const find = async (market: Market, query: string) => names(await get(market, `/v1/agents${query}`));

async function finish(poster: Agent, worker: Agent, rating: number | undefined, tags: string[] = []): Promise<void> {
  const id = await deliverTask(poster, worker, { max_credits: 1, tags });
  expect((await poster.post(`/v1/tasks/${id}/approve`, { rating })).status).toBe(200);
}

const wealthy = { PINCHWORK_INITIAL_CREDITS: '1000' };

/** Ada has the best ratings, Bob the most tasks, Cleo neither. */
async function settle(market: Market) {
  const ada = await market.register('Ada', { good_at: 'Python and 100% pure_maths' });
  const bob = await market.register('Bob', { good_at: 'ÜBERSETZEN, переводы' });
  const cleo = await market.register('Cleo');
  await finish(cleo, ada, 5, ['Python', 'maths']);
  await finish(cleo, ada, 4, ['python']);
  for (let i = 0; i < 3; i++) await finish(cleo, bob, 2, ['translation', 'maths']);
  await finish(cleo, bob, undefined);
  return { market, ada, bob, cleo };
}

const village = async (engine: Engine) => settle(await Market.fresh(engine, wealthy));

onBothEngines('a directory that only readers use', (engine) => {
  let market: Market;
  let ada: Agent;
  beforeAll(async () => {
    ({ market, ada } = await settle(await Market.shared(engine, wealthy)));
  });
  afterAll(() => market.close());

  it('shows only public fields, to anybody', async () => {
    const { body, status } = await get(market, '/v1/agents');
    expect(status).toBe(200);
    expect(body).toMatchObject({ total: 3, next_cursor: null });
    expect(body.agents[0]).toEqual({
      id: ada.id,
      name: 'Ada',
      reputation: 4.5,
      tasks_completed: 2,
      rating_count: 2,
      raters: 1,
      created_at: expect.stringMatching(/T/),
      last_active: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      good_at: 'Python and 100% pure_maths',
      tags: ['Python', 'maths'],
      disputes_lost: 0,
      poster: { name: 'Ada', ...emptyRecord },
    });
  });

  it.each([
    ['', ['Ada', 'Bob', 'Cleo']],
    ['?sort_by=reputation', ['Ada', 'Bob', 'Cleo']],
    ['?sort_by=tasks_completed', ['Bob', 'Ada', 'Cleo']],
    ['?sort_by=rating_count', ['Bob', 'Ada', 'Cleo']],
    ['?sort_by=newest', ['Cleo', 'Bob', 'Ada']],
    ['?search=PYTHON', ['Ada']],
    ['?search=100%25', ['Ada']],
    ['?search=pure_m', ['Ada']],
    ['?search=pure%25m', []],
    ['?search=%25', ['Ada']],
    ['?search=_', ['Ada']],
    ['?search=!', []],
    ['?search=%C3%BCbersetzen', ['Bob']],
    ['?search=%D0%9F%D0%95%D0%A0%D0%95%D0%92%D0%9E%D0%94', ['Bob']],
    ['?search=cleo', ['Cleo']],
    ['?search=c%0A', []],
    ["?search='", []],
    ['?search=%22%20OR%201=1', []],
    ['?search=', ['Ada', 'Bob', 'Cleo']],
    ['?tags=python', ['Ada']],
    ['?tags=MATHS', ['Ada', 'Bob']],
    ['?tags=maths,translation', ['Bob']],
    ['?tags=python,translation', []],
    ['?tags=unheard-of', []],
    ['?min_reputation=2', ['Ada', 'Bob']],
    ['?min_reputation=4.5', ['Ada']],
    ['?min_reputation=4.51', []],
    ['?min_reputation=2&sort_by=newest', ['Bob', 'Ada']],
    ['?min_reputation=2&sort_by=tasks_completed&tags=maths&search=a', ['Ada']],
  ])('finds with %s: %j', async (query, expected) => {
    const reply = await get(market, `/v1/agents${query}`);
    expect(names(reply)).toEqual(expected);
    expect(reply.body).toMatchObject({ total: expected.length, next_cursor: null });
    expect(reply.body.search_partial).toBeUndefined();
  });

  it.each([
    'sort_by=odd',
    'min_reputation=6',
    'min_reputation=x',
    'limit=0',
    'tags=a%20b',
    `search=${'x'.repeat(201)}`,
    'cursor=odd',
  ])('refuses %s', async (query) => {
    expectError(await get(market, `/v1/agents?${query}`), 400);
  });
});

onBothEngines('the directory of agents', (engine) => {
  it('is not led by an agent that three friends rate with fives, however often', async () => {
    const market = await Market.fresh(engine, wealthy);
    const [popular, honest] = [await market.register('popular'), await market.register('honest')];
    for (const name of ['friend 1', 'friend 2', 'friend 3']) {
      const friend = await market.register(name);
      for (let i = 0; i < 3; i++) await finish(friend, popular, 5);
    }
    for (let i = 0; i < 6; i++) await finish(await market.register(`poster ${i}`), honest, i % 2 === 0 ? 5 : 4);
    const { agents } = (await get(market, '/v1/agents?limit=2')).body;
    expect(agents).toMatchObject([
      { name: 'honest', reputation: 4.5, rating_count: 6, raters: 6 },
      { name: 'popular', reputation: 5, rating_count: 9, raters: 3 },
    ]);
    // A worker's ratings of its poster count in the same way.
    const [task] = (await honest.get('/v1/tasks/mine?role=worker&limit=1')).body.tasks;
    expect((await honest.post(`/v1/tasks/${task.task_id}/rate`, { rating: 2 })).status).toBe(201);
    const rated = (await get(market, `/v1/agents/${task.poster_id}`)).body;
    expect(rated).toMatchObject({ reputation: 2, rating_count: 1, raters: 1 });
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });

  it.each(['reputation', 'tasks_completed', 'rating_count', 'newest'])('is read in pages by %s', async (order) => {
    const market = await Market.fresh(engine, wealthy);
    const poster = await market.register('poster');
    for (let i = 0; i < 7; i++) {
      const worker = await market.register(`worker ${i}`);
      for (let n = 0; n < i % 3; n++) await finish(poster, worker, (i % 2) + 3, ['sums']);
    }
    for (const filter of ['', '&search=o', '&tags=sums', '&min_reputation=1']) {
      const path = `/v1/agents?sort_by=${order}${filter}`;
      const whole = (await get(market, `${path}&limit=100`)).body;
      const read: unknown[] = [];
      for (let cursor = ''; ;) {
        const { body } = await get(market, `${path}&limit=2${cursor}`);
        read.push(...body.agents);
        expect(body.total).toBe(whole.total);
        if (body.next_cursor === null) break;
        cursor = `&cursor=${body.next_cursor}`;
      }
      expect(read).toEqual(whole.agents);
      expect((await get(market, `${path}&limit=100&offset=1`)).body.agents).toEqual(whole.agents.slice(1));
    }
    const { body } = await get(market, `/v1/agents?sort_by=${order}&limit=2`);
    const other = order === 'newest' ? 'reputation' : 'newest';
    expectError(await get(market, `/v1/agents?sort_by=${other}&cursor=${body.next_cursor}`), 400);
  });

  it('continues until all agents are examined, and sets search_partial until then', async () => {
    const market = await Market.fresh(engine);
    const each = `with recursive n (i) as (select 1 union all select i + 1 from n where i < 4500)`;
    const id = `'ag-' || substr('000000000000' || i, length('000000000000' || i) - 11)`;
    await engine.vandalise(
      market.url,
      `${each} insert into agents (id, name, folded, created_at) select ${id}, 'Agent ' || i, case when i % 1000 = 100 then 'needle' else 'hay' end, 1 from n`,
    );
    const readOn = async (limit: number, cursor = '') => {
      const found: string[] = [];
      for (let from = cursor; ;) {
        const { body } = await get(market, `/v1/agents?search=NEEDLE&limit=${limit}${from}`);
        found.push(...body.agents.map(({ name }: { name: string }) => name));
        if (body.next_cursor === null) return found;
        if (body.agents.length < limit) expect(body).toMatchObject({ search_partial: true, total_capped: true });
        from = `&cursor=${body.next_cursor}`;
      }
    };
    const all = [4100, 3100, 2100, 1100, 100].map((i) => `Agent ${i}`);
    for (const limit of [1, 2, 20]) expect(await readOn(limit)).toEqual(all);
    // It ends early if too many searches run at once; the cursor holds the rest of the offset.
    const { runApart } = market.ctx.db;
    market.ctx.db.runApart = () => Promise.reject(overloaded());
    const { body } = await get(market, '/v1/agents?search=needle&offset=2');
    expect(body).toMatchObject({ agents: [], search_partial: true });
    market.ctx.db.runApart = runApart;
    expect(await readOn(20, `&cursor=${body.next_cursor}`)).toEqual(all.slice(2));
    expect((await get(market, '/v1/agents')).body).toMatchObject({ total: 1_000, total_capped: true });
    expect((await get(market, '/v1/agents?search=hay')).body).toMatchObject({ total_capped: true });
  });

  it('finds all agents with a rare tag, anywhere in the list', async () => {
    const { market } = await village(engine);
    const each = `with recursive n (i) as (select 1 union all select i + 1 from n where i < 4500)`;
    const id = `'ag-' || substr('zzzzzzzzzzzz' || i, length('zzzzzzzzzzzz' || i) - 11)`;
    await engine.vandalise(
      market.url,
      `${each} insert into agents (id, name, created_at, rating_sum, rating_count) select ${id}, 'seed', 1, 5, 1 from n`,
      `${each} insert into agent_tags (agent_id, tag, name, tasks_completed) select ${id}, 'maths', 'maths', 1 from n`,
    );
    expect(await find(market, '?tags=maths,python')).toEqual(['Ada']);
    expect((await get(market, '/v1/agents?tags=maths')).body).toMatchObject({ total: 1_000, total_capped: true });
  });

  it('leaves out suspended agents, and does not show their profiles', async () => {
    const { market, ada } = await village(engine);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: ada.id, suspended: true });
    expect(await find(market, '')).toEqual(['Bob', 'Cleo']);
    expect(await find(market, '?tags=python')).toEqual([]);
    expect(expectError(await get(market, `/v1/agents/${ada.id}`), 404)).toBe('Agent not found');
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: ada.id, suspended: false });
    expect(await find(market, '')).toEqual(['Ada', 'Bob', 'Cleo']);
  });

  it('shows a changed profile', async () => {
    const { market, cleo } = await village(engine);
    await cleo.patch('/v1/me', { good_at: 'Knitting' });
    expect(await find(market, '?search=knit')).toEqual(['Cleo']);
    await cleo.patch('/v1/me', { accepts_system_tasks: false });
    expect(await find(market, '?search=knit')).toEqual(['Cleo']);
    await cleo.patch('/v1/me', { good_at: null });
    expect(await find(market, '?search=knit')).toEqual([]);
    expect(await find(market, '?search=cleo')).toEqual(['Cleo']);
  });
});

onBothEngines("an agent's public profile", (engine) => {
  it('shows reputation in total and per tag, null where unrated', async () => {
    const { market, ada, bob, cleo } = await village(engine);
    expect((await get(market, `/v1/agents/${ada.id}`)).body).toEqual({
      id: ada.id,
      name: 'Ada',
      reputation: 4.5,
      tasks_completed: 2,
      rating_count: 2,
      raters: 1,
      created_at: expect.stringMatching(/T/),
      last_active: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      good_at: 'Python and 100% pure_maths',
      tags: ['Python', 'maths'],
      disputes_lost: 0,
      poster: { name: 'Ada', ...emptyRecord },
      reputation_by_tag: [
        { tag: 'Python', avg_rating: 4.5, reputation: 4.5, count: 2 },
        { tag: 'maths', avg_rating: 5, reputation: 5, count: 1 },
      ],
    });
    await finish(cleo, bob, undefined, ['unrated']);
    const { body } = await get(market, `/v1/agents/${bob.id}`);
    expect(body.reputation_by_tag).toContainEqual({ tag: 'unrated', avg_rating: null, reputation: null, count: 0 });
    expect((await get(market, `/v1/agents/${cleo.id}`)).body).toMatchObject({
      reputation: 0,
      tags: [],
      reputation_by_tag: null,
    });
  });

  it('shows the tags that were extracted last, and none that were removed, after any number of changes', async () => {
    const market = await Market.fresh(engine);
    const helper = await registerHelper(market);
    const agent = await market.register('agent', { good_at: 'first' });
    const tagsFrom = (letter: string) => Array.from({ length: 20 }, (_, i) => `${letter}${i}`).sort();
    await answer(helper, answers.extract(tagsFrom('t')));
    market.clock.advance(hourMs);
    await agent.patch('/v1/me', { good_at: 'second' });
    await answer(helper, answers.extract(tagsFrom('a')));
    const listed = (await get(market, '/v1/agents?search=second')).body.agents[0];
    const { body } = await get(market, `/v1/agents/${agent.id}`);
    expect([listed.tags.toSorted(), body.tags.toSorted()]).toEqual([tagsFrom('a'), tagsFrom('a')]);
    expect(body.reputation_by_tag).toBeNull();
    await agent.patch('/v1/me', { good_at: null });
    expect(await engine.query(market.url, 'select * from agent_tags')).toEqual([]);
  });

  it('shows capability tags whatever other ratings there are, and keeps ratings of removed tags', async () => {
    const market = await Market.fresh(engine, wealthy);
    const helper = await registerHelper(market);
    const agent = await market.register('agent', { good_at: 'art' });
    await answer(helper, answers.extract(['art']));
    await helper.patch('/v1/me', { accepts_system_tasks: false });
    const worker = await market.register('worker');
    const rate = async (tags: string[]) => {
      const task = await deliverTask(agent, worker, { max_credits: 1, tags });
      await agent.post(`/v1/tasks/${task}/approve`);
      expect((await worker.post(`/v1/tasks/${task}/rate`, { rating: 4 })).status).toBe(201);
    };
    for (let i = 0; i < 3; i++) await rate(Array.from({ length: 10 }, (_, k) => `z${i}${k}`));
    await rate(['art']);
    const listed = (await get(market, '/v1/agents?search=art')).body.agents[0];
    const { body } = await get(market, `/v1/agents/${agent.id}`);
    expect([listed.tags, body.tags]).toEqual([['art'], ['art']]);
    expect(body.reputation_by_tag).toHaveLength(31);
    await agent.patch('/v1/me', { good_at: null });
    const after = (await get(market, `/v1/agents/${agent.id}`)).body;
    expect(after.tags).toEqual([]);
    expect(after.reputation_by_tag).toContainEqual({ tag: 'art', avg_rating: 4, reputation: 4, count: 1 });
  });

  it.each(['ag-000000000000', 'ag-', 'odd', 'tk-000000000000', 'x'.repeat(1_000)])(
    'does not exist for %s',
    async (id) => {
      const market = await Market.fresh(engine);
      expect(expectError(await get(market, `/v1/agents/${id}`), 404)).toBe('Agent not found');
    },
  );
});
