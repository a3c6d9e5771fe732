import { limits } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import { crowd } from '../../support/crowd.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { postTask } from '../../support/market.ts';
import { find, openBoard, settle, docs, many } from '../../support/searching.ts';

const texts = {
  street: 'Straße und MASSE',
  city: 'İzmir, Iğdır ve ırmak',
  way: 'Ο ΔΡΟΜΟΣ, μια ΟΔΟΣΗΜΑΝΣΗ',
  russian: 'ПЕРЕВОД Ёжика',
  tokyo: '東京で会いましょう',
  rocket: '🚀🚀 to the 👩‍🚀',
  decomposed: 'Cafe\u0301 Zoe\u0308',
  literal: '100% of_it',
  quoted: `C:\\dir "quoted" 'single' [x] (y) * ^ - NEAR(a b)`,
  lines: 'one\ttab\nand AND OR NOT',
  long: `${'lorem '.repeat(4_000)}Endpoint`,
};

const searches: [string, (keyof typeof texts)[]][] = [
  ['strasse', []],
  ['STRAßE', ['street']],
  ['STRAẞE', ['street']],
  ['masse', ['street']],
  ['iğdır', ['city']],
  ['IĞDIR', []],
  ['IRMAK', []],
  ['ırmak', ['city']],
  ['İZMİR', []],
  ['İzmir', ['city']],
  ['δρομος', ['way']],
  ['ΔΡΌΜΟΣ', []],
  ['οδος', ['way']],
  ['ΟΔΟΣ', ['way']],
  ['перевод', ['russian']],
  ['ёжик', ['russian']],
  ['ежик', []],
  ['京で', ['tokyo']],
  ['会いましょう', ['tokyo']],
  ['京', ['tokyo']],
  ['🚀', ['rocket']],
  ['🚀🚀', ['rocket']],
  ['👩‍🚀', ['rocket']],
  ['café', ['decomposed']],
  ['CAFE\u0301 ZOË', ['decomposed']],
  ['cafe', []],
  ['100%', ['literal']],
  ['%', ['literal']],
  ['_', ['literal']],
  ['100%_', []],
  ['of_i', ['literal']],
  ['of%i', []],
  ['o__it', []],
  ['\\', ['quoted']],
  ['c:\\DIR', ['quoted']],
  ['"', ['quoted']],
  ['"QUOTED"', ['quoted']],
  [`' [`, ['quoted']],
  ['* ^ - near(A', ['quoted']],
  ['and or not', ['lines']],
  ['AND', ['lines']],
  ['tab\nand', ['lines']],
  ['endpoint', ['long']],
  ['lorem endpoint', ['long']],
  ['lorem  endpoint', []],
  ['quoted OR lorem', []],
  [' ', ['street', 'city', 'way', 'russian', 'rocket', 'decomposed', 'literal', 'quoted', 'lines', 'long']],
  ['a NEAR b', []],
  ['abc* OR "', []],
  ['!', []],
  ['{1}', []],
  ['\uffff', []],
  ['x'.repeat(200), []],
];

onBothEngines('a search on the board', (engine) => {
  it.each(['before the index', 'by the index', 'behind the index'])(
    'finds %s exactly the tasks that contain it, in any case',
    async (where) => {
      const { market, poster, worker } = await openBoard(engine);
      if (where !== 'before the index') await crowd(engine, market, poster, { count: many, need: `'.'` });
      if (where === 'behind the index') await settle(market);
      for (const need of Object.values(texts)) await postTask(poster, { need, max_credits: 1 });
      if (where === 'by the index') await settle(market);
      expect(await docs(engine, market)).toHaveLength(
        { 'before the index': 0, 'by the index': many + 11, 'behind the index': many }[where]!,
      );
      for (const [search, names] of searches) {
        const found = names.map((name) => texts[name].slice(0, limits.excerptLength));
        expect([search, (await find(worker, search)).needs]).toEqual([search, found]);
      }
    },
  );

  it('refuses a text that is too long to search for', async () => {
    const { worker } = await openBoard(engine);
    const search = 'x'.repeat(201);
    for (const reply of [
      await worker.get(`/v1/tasks/available?search=${search}`),
      await worker.post(`/v1/tasks/pickup?search=${search}`),
      await worker.post('/v1/tasks/pickup/batch', { search }),
    ]) {
      expectError(reply, 400);
      expect(reply.body.error).toMatch(/search.*200 characters/);
    }
  });

  it('reads the context too, but not across need and context', async () => {
    const { poster, worker } = await openBoard(engine);
    await postTask(poster, { need: 'first', context: 'Second', max_credits: 1 });
    for (const [search, count] of Object.entries({ FIRST: 1, second: 1, 'first\nsecond': 0, firstsecond: 0 })) {
      expect((await find(worker, search)).needs).toHaveLength(count);
    }
  });

  it('has pages without repeats or gaps across window, index and younger tasks', async () => {
    const { market, poster, worker } = await openBoard(engine);
    await crowd(engine, market, poster, {
      count: 2_000,
      need: `case when i % 100 = 7 then 'Needle ' || i else 'hay' end`,
    });
    await settle(market);
    for (const need of ['A needle of today', 'Hay of today', 'The last NEEDLE'])
      await postTask(poster, { need, max_credits: 1 });
    const old = Array.from({ length: 20 }, (_, i) => `Needle ${100 * i + 7}`);
    for (const limit of [1, 7, 100]) {
      expect((await find(worker, 'needle', limit)).needs).toEqual([...old, 'A needle of today', 'The last NEEDLE']);
    }
    // The first ten are found before the index, in any time.
    const { body } = await worker.get('/v1/tasks/available?search=needle&limit=5&offset=3');
    expect(body.tasks.map(({ need }: { need: string }) => need)).toEqual(old.slice(3, 8));
  });

  it('is ignored when it is empty, and combines with tags', async () => {
    const { poster, worker } = await openBoard(engine);
    await postTask(poster, { need: 'Paint', tags: ['art'], max_credits: 1 });
    await postTask(poster, { need: 'Paint more', tags: ['Craft'], max_credits: 1 });
    for (const search of ['', 'PAINT']) {
      const { body } = await worker.get(`/v1/tasks/available?search=${search}`);
      expect(body).toMatchObject({ tasks: [{ need: 'Paint' }, { need: 'Paint more' }], total: 2, next_cursor: null });
      expect([body.total_capped, body.search_partial]).toEqual([undefined, undefined]);
    }
    const none = await worker.post('/v1/tasks/pickup?search=absent');
    expect([none.status, none.headers['x-search-partial']]).toEqual([204, undefined]);
    const { body } = await worker.get('/v1/tasks/available?search=paint&tags=craft');
    expect(body.tasks.map(({ need }: { need: string }) => need)).toEqual(['Paint more']);
    expectError(await worker.get('/v1/tasks/available?search=%00'), 400);
  });

  it('leaves out the agent’s own tasks and tasks that are no longer on the board', async () => {
    const { market, poster, worker } = await openBoard(engine);
    await crowd(engine, market, poster, { count: many });
    const ids: string[] = [];
    for (const need of ['Needle 1', 'Needle 2', 'Needle 3']) ids.push(await postTask(poster, { need, max_credits: 1 }));
    await settle(market);
    await worker.post(`/v1/tasks/${ids[0]}/pickup`);
    await poster.post(`/v1/tasks/${ids[1]}/cancel`);
    expect((await find(worker, 'needle')).needs).toEqual(['Needle 3']);
    expect((await find(poster, 'needle')).needs).toEqual([]);
    await worker.post(`/v1/tasks/${ids[0]}/abandon`);
    // What it gave up comes last.
    expect((await find(worker, 'needle')).needs).toEqual(['Needle 3', 'Needle 1']);
  });

  it('keeps the order of the board: matched tasks, then the agent’s own order, then age', async () => {
    const { market, poster } = await openBoard(engine);
    const painter = await market.register('painter', { good_at: 'painting' });
    await engine.vandalise(
      market.url,
      `insert into agent_tags (agent_id, tag, name, is_capability) values ('${painter.id}', 'art', 'art', 1)`,
    );
    await crowd(engine, market, poster, {
      count: many,
      need: `case when i % 20 = 0 then 'Door ' || i else 'Wall ' || i end`,
    });
    for (const fields of [{ need: 'Painting a door' }, { need: 'Painting a wall' }]) {
      await postTask(poster, { max_credits: 1, ...fields });
    }
    await settle(market);
    await engine.vandalise(market.url, `update tasks set tags = '["art"]' where need = 'Door 60'`);
    const { needs } = await find(painter, 'DOOR', 10);
    const others = Array.from({ length: many / 20 }, (_, i) => `Door ${20 * (i + 1)}`).filter(
      (need) => need !== 'Door 60',
    );
    expect(needs).toEqual(['Painting a door', 'Door 60', ...others]);
    const { body } = await painter.get('/v1/tasks/available?search=door&limit=2');
    expect(body.tasks).toMatchObject([
      { is_matched: true, match_rank: 0 },
      { is_matched: false, match_rank: null },
    ]);
    const picked = [];
    for (let i = 0; i < 3; i++) picked.push((await painter.post('/v1/tasks/pickup?search=door')).body.need);
    expect(picked).toEqual(needs.slice(0, 3));
  });
});

onBothEngines('a search that takes longer than a request may', (engine) => {
  it('sets search_partial, and the cursors lead to every match once', async () => {
    const { market, poster, worker } = await openBoard(engine);
    // Too short for the index, and too many tasks to read at once.
    const count = 60_000;
    const need = `case when i % 19000 = 0 then 'zq ' || i else 'Nothing of note' end`;
    await crowd(engine, market, poster, { count, need });
    const { needs, partial } = await find(worker, 'ZQ');
    expect(needs).toEqual(['zq 19000', 'zq 38000', 'zq 57000']);
    expect(partial).toBeGreaterThan(0);
    // The cursor holds the rest of the offset when the time is up.
    expect((await find(worker, 'ZQ', 20, 2)).needs).toEqual(['zq 57000']);
    const none = await worker.post('/v1/tasks/pickup?search=qz');
    expect([none.status, none.headers['x-search-partial']]).toEqual([204, 'true']);
    const batch = await worker.post('/v1/tasks/pickup/batch', { search: 'qz' });
    expect(batch.body).toEqual({ tasks: [], total: 0, search_partial: true });
    // A repeated request has the same reply.
    for (const search of ['qz', 'zq']) {
      const body = JSON.stringify({ search, count: 10 });
      const headers = { 'idempotency-key': search, 'content-type': 'application/json' };
      const first = await worker.post('/v1/tasks/pickup/batch', body, headers);
      expect(first.body.search_partial).toBe(true);
      expect((await worker.post('/v1/tasks/pickup/batch', body, headers)).body).toEqual(first.body);
    }
  });
});
