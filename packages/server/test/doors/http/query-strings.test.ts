import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { list } from '../../support/list.ts';
import { type Agent, Market, postTask } from '../../support/market.ts';

onBothEngines('queries', (engine) => {
  let market: Market;
  let poster: Agent;
  let worker: Agent;
  beforeAll(async () => {
    market = await Market.shared(engine);
    poster = await market.register('poster');
    worker = await market.register('worker');
    for (const tags of [['a'], ['a', 'b'], ['B', 'c'], []]) await postTask(poster, { max_credits: 10, tags });
  });
  afterAll(() => market.close());

  const lists = ['/v1/tasks/available', '/v1/tasks/mine', '/v1/me/credits'];

  describe.each(lists)('the paging of %s', (path) => {
    const read = (query: string) => (path.endsWith('available') ? worker : poster).get(`${path}?${query}`);

    const good = list('limit=1 limit=100 offset=0 offset=10000 limit=007 limit=%31 limit%5B%5D=0');
    it.each(good)('takes %s', async (query) => {
      expect((await read(query)).status).toBe(200);
    });

    const numbers = list('0 101 -1 1.5 1e2 0x1 +1 %201 1%20 ten NaN null %00 %zz %C2%B2 %D9%A3 99999999999999999999');
    it.each(['', ...numbers])('answers 400 to limit=%s', async (value) => {
      expect(expectError(await read(`limit=${value}`), 400)).toBe('limit: must be an integer from 1 to 100');
    });
    it.each(['', '-1', '10001', '1.5', '1e2', '%C2%B2', '%D9%A3', '99999999999999999999'])(
      'answers 400 to offset=%s',
      async (value) => {
        const reply = await read(`offset=${value}`);
        expect(expectError(reply, 400)).toBe('offset: must be an integer from 0 to 10,000');
      },
    );

    it.each(['limit=1&limit=1', 'offset=1&limit=2&offset=2', 'cursor=a&cursor=b'])(
      'answers 400 to %s',
      async (query) => {
        expect(expectError(await read(query), 400)).toMatch(/^(limit|offset|cursor): is given more than once$/);
      },
    );

    const unknown = list('x=1&x=2 toString=1&toString=2 __proto__=1&__proto__=2 constructor=1&constructor=2 =&= &&& %');
    it.each(unknown)('ignores unknown parameters: %s', async (query) => {
      expect((await read(query)).status).toBe(200);
    });

    it('reads on with next_cursor, without repeats, to the end', async () => {
      const { body: all } = await read('limit=100');
      const rows: unknown[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const { body } = await read(cursor === '' ? 'limit=1' : `limit=1&cursor=${cursor}`);
        expect(body.total).toBe(all.total);
        rows.push(...(body.tasks ?? body.ledger));
        cursor = body.next_cursor;
      }
      expect(rows).toEqual(all.tasks ?? all.ledger);
      expect(rows.length).toBe(all.total);
      expect(all.next_cursor).toBeNull();
    });

    const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const junk = [
      '',
      'x',
      '%00',
      '%F0%9F%98%80',
      'null',
      '-',
      encoded(null),
      encoded([]),
      encoded({}),
      encoded('tk-000000000000'),
    ];
    const forged = [[1], ['x', 'x'], [1, 2], [1.5, 'x'], [2 ** 53, 'x'], [null, null], [1, 'x', 'x'], [[], {}]].map(
      encoded,
    );
    const poisoned = [[1, 'a\0'], ['a\0'], [1, '\ud800'], ['\ud800']].map(encoded);
    it.each([...junk, ...forged, ...poisoned, 'A'.repeat(201), encoded([1, 'x'.repeat(500)])])(
      'answers 400 to the cursor %j, which nobody handed out',
      async (cursor) => {
        expect(expectError(await read(`cursor=${cursor}`), 400)).toBe('cursor: is not a cursor of this list');
      },
    );

    it.each(['+x', '+-1', '+1.5', '+10001', '+1+1'])(
      'answers 400 to a cursor to which somebody added %s',
      async (more) => {
        const { next_cursor } = (await read('limit=1')).body;
        const [name, ...position] = JSON.parse(Buffer.from(next_cursor, 'base64url').toString()) as [
          string,
          ...unknown[],
        ];
        const cursor = Buffer.from(JSON.stringify([name + more, ...position])).toString('base64url');
        expect(expectError(await read(`cursor=${cursor}`), 400)).toBe('cursor: is not a cursor of this list');
      },
    );

    it('answers 400 to a cursor with an offset', async () => {
      const { next_cursor: cursor } = (await read('limit=1')).body;
      expectError(await read(`cursor=${cursor}&offset=1`), 400);
      expect((await read(`cursor=${cursor}&offset=0`)).status).toBe(200);
    });
  });

  it.each([
    ['/v1/me/credits', '/v1/tasks/available'],
    ['/v1/me/credits', '/v1/tasks/mine'],
    ['/v1/tasks/mine', '/v1/me/credits'],
    ['/v1/tasks/mine', '/v1/tasks/available'],
  ])('a cursor of %s is refused by %s', async (from, to) => {
    const { next_cursor: cursor } = (await poster.get(`${from}?limit=1`)).body;
    expect(expectError(await poster.get(`${to}?cursor=${cursor}`), 400)).toBe('cursor: is not a cursor of this list');
  });

  describe('the filters of the board', () => {
    it.each([
      ['', 4],
      ['tags=', 4],
      ['tags=,%20,', 4],
      ['tags=a', 2],
      ['tags=A', 2],
      ['tags=b', 2],
      ['tags=a,b', 1],
      ['tags=%20a%20,%20b%20', 1],
      ['tags=a,a,A', 2],
      ['tags=a,c', 0],
      ['tags=nobody', 0],
      ['search=', 4],
    ])('%j finds %d tasks', async (query, total) => {
      const { body } = await worker.get(`/v1/tasks/available?${query}`);
      expect(body).toMatchObject({ total });
      expect(body.tasks).toHaveLength(total);
    });

    const eleven = Array.from({ length: 11 }, (_, i) => `t${i}`).join(',');
    it.each(['a%20b', 'a.b', '%00', '%F0%9F%98%80', '%ED%A0%80', '%ff', `'`, 'a%0Ab', 'x'.repeat(51), eleven])(
      'tags=%s answers 400',
      async (tags) => {
        for (const reply of [
          await worker.get(`/v1/tasks/available?tags=${tags}`),
          await worker.post(`/v1/tasks/pickup?tags=${tags}`),
        ]) {
          expect(expectError(reply, 400)).toMatch(/^tags/);
        }
      },
    );

    it('tags=a&tags=b answers 400', async () => {
      expect(expectError(await worker.get('/v1/tasks/available?tags=a&tags=b'), 400)).toBe(
        'tags: is given more than once',
      );
    });
  });

  describe("the filters of an agent's own tasks", () => {
    const good = list('role=poster role=worker status=posted status=approved role=worker&status=expired');
    it.each(good)('takes %s', async (query) => {
      expect((await poster.get(`/v1/tasks/mine?${query}`)).status).toBe(200);
    });

    const roles = list('role= role=Poster role=admin role=poster,worker role=%00 role=__proto__ role=constructor');
    it.each(roles)('answers 400 to %s', async (query) => {
      expect(expectError(await poster.get(`/v1/tasks/mine?${query}`), 400)).toBe('role: must be poster or worker');
    });

    const statuses = list(
      'status= status=POSTED status=open status=posted,claimed status=%F0%9F%98%80 status=toString',
    );
    it.each(statuses)('answers 400 to %s', async (query) => {
      expect(expectError(await poster.get(`/v1/tasks/mine?${query}`), 400)).toMatch(/^status: must be one of posted, /);
    });
  });

  describe('the wait of a task', () => {
    it.each(['', '0', '301', '-1', '1.5', 'long', '1&wait=2', '1e1'])('answers 400 to wait=%s', async (value) => {
      const id = await postTask(poster, { max_credits: 1 });
      expect(expectError(await poster.get(`/v1/tasks/${id}?wait=${value}`), 400)).toMatch(/^wait: /);
    });

    it('is checked before the task is looked for', async () => {
      expectError(await poster.get('/v1/tasks/tk-000000000000?wait=0'), 400);
    });
  });
});
