import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, onBothEngines, sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { parseMarkdown } from '../../support/markdown.ts';
import { Market, postTask, type Reply } from '../../support/market.ts';
import { assemble, type Cast, exampleNames, examples, send, sendJson } from '../../support/requests.ts';
import { readTables } from '../../support/tables.ts';

const withKey = (key: string = randomUUID()) => ({ 'idempotency-key': key });
const isReplay = ({ headers }: Reply) => headers['idempotency-replayed'] === 'true';

onBothEngines('an idempotency key', (engine: Engine) => {
  let cast: Cast;
  let market: Market;
  beforeAll(async () => {
    market = await Market.shared(engine, { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
    cast = await assemble(market);
  });
  afterAll(() => market.close());

  it.each(exampleNames)('lets %s happen once and answers the same again', async (name) => {
    const { aim, body } = examples[name];
    const to = await aim(cast);
    const key = withKey();
    const first = await sendJson(market, to, body(cast), key);
    expect(first.status, first.text).toBeLessThan(300);
    expect(isReplay(first)).toBe(false);
    const before = await readTables(market.url);
    const again = await sendJson(market, to, body(cast), key);
    expect(await readTables(market.url)).toEqual(before);
    expect(isReplay(again)).toBe(true);
    expect({ status: again.status, body: again.body }).toEqual({ status: first.status, body: first.body });
    for (const header of ['x-task-id', 'x-status', 'x-budget', 'x-credits-charged']) {
      expect(again.headers[header]).toBe(first.headers[header]);
    }
  });

  it('answers in the format that is asked for now', async () => {
    const key = withKey();
    const { body } = await cast.poster.post('/v1/tasks', { need: 'x' }, key);
    const markdown = await cast.poster.post('/v1/tasks', { need: 'x' }, { ...key, accept: 'text/markdown' });
    expect(isReplay(markdown)).toBe(true);
    expect(parseMarkdown(markdown.text).fields).toEqual(body);
  });

  describe('of another request is 422 and changes nothing:', () => {
    const body = JSON.stringify({ need: 'x', max_credits: 5 });
    const others: [string, 'POST' | 'PATCH', string, string][] = [
      ['another body', 'POST', '/v1/tasks', JSON.stringify({ need: 'y', max_credits: 5 })],
      ['the same fields in another order', 'POST', '/v1/tasks', JSON.stringify({ max_credits: 5, need: 'x' })],
      ['one byte more', 'POST', '/v1/tasks', `${body}\n`],
      ['another path', 'POST', '/v1/tasks/pickup/batch', body],
      ['a query', 'POST', '/v1/tasks?x=1', body],
      ['another method', 'PATCH', '/v1/me', body],
    ];
    it.each(others)('%s', async (_, method, url, payload) => {
      const key = withKey();
      const { headers } = await examples.createTask.aim(cast);
      await send(
        market,
        { method: 'POST', url: '/v1/tasks', headers: { ...headers, ...key } },
        body,
        'application/json',
      );
      const before = await readTables(market.url);
      const reply = await send(market, { method, url, headers: { ...headers, ...key } }, payload, 'application/json');
      expect(expectError(reply, 422)).toBe('This Idempotency-Key was used for another request');
      expect(isReplay(reply)).toBe(false);
      expect(await readTables(market.url)).toEqual(before);
    });

    it('a query that is not the same', async () => {
      const key = withKey();
      await postTask(cast.poster, { tags: ['red', 'blue'] });
      expect((await cast.worker.post('/v1/tasks/pickup?tags=red', '', key)).status).toBe(200);
      expectError(await cast.worker.post('/v1/tasks/pickup?tags=blue', '', key), 422);
    });
  });

  it('is 422 for an answer with a secret too when it was used for one without, and the other way round', async () => {
    const { poster } = cast;
    const [kept, sealed] = [withKey(), withKey()];
    await poster.post('/v1/tasks', { need: 'x', max_credits: 1 }, kept);
    expect((await poster.post('/v1/me/keys', { name: 'x' }, sealed)).status).toBe(201);
    const before = await readTables(market.url);
    expectError(await poster.post('/v1/me/keys', { name: 'x' }, kept), 422);
    expectError(await poster.post('/v1/tasks', { need: 'x', max_credits: 1 }, sealed), 422);
    expect(await readTables(market.url)).toEqual(before);
  });

  it('belongs to the agent that sent it', async () => {
    const key = withKey();
    const replies = [
      await cast.poster.post('/v1/tasks', { need: 'x' }, key),
      await cast.worker.post('/v1/tasks', { need: 'y' }, key),
      await market.admin.post('/v1/admin/credits/grant', { agent_id: cast.poster.id, amount: 1 }, key),
      await cast.poster.post('/v1/tasks', { need: 'x' }, key),
    ];
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 200, 201]);
    expect(replies.map(isReplay)).toEqual([false, false, false, true]);
  });

  it('does not keep an error: the request runs again', async () => {
    const poor = await market.register('poor');
    const create = { need: 'x', max_credits: 200 };
    const key = withKey();
    expectError(await poor.post('/v1/tasks', create, key), 402);
    expectError(await poor.post('/v1/tasks', { need: '' }, key), 400);
    await market.admin.post('/v1/admin/credits/grant', { agent_id: poor.id, amount: 100 });
    const reply = await poor.post('/v1/tasks', create, key);
    expect([reply.status, isReplay(reply)]).toEqual([201, false]);
  });

  it('does not keep a 204: the request runs again', async () => {
    const key = withKey();
    const pickup = () => cast.worker.post('/v1/tasks/pickup?tags=later', '', key);
    expect((await pickup()).status).toBe(204);
    const id = await postTask(cast.poster, { tags: ['later'] });
    const [first, again] = [await pickup(), await pickup()];
    expect([first.status, first.body.task_id, isReplay(first)]).toEqual([200, id, false]);
    expect([again.status, again.body.task_id, isReplay(again)]).toEqual([200, id, true]);
  });

  it.each(['x', ' x ', 'x'.repeat(255), 'a/b?c=d&e', `'; drop table tasks --`, '"', '%00', '\u00ff'])(
    'may be %j',
    async (value) => {
      const key = withKey(value);
      const first = await cast.worker.post('/v1/tasks', { need: 'x', max_credits: 1 }, key);
      expect(first.status, first.text).toBe(201);
      const again = await cast.worker.post('/v1/tasks', { need: 'x', max_credits: 1 }, key);
      expect(again.body.task_id).toBe(first.body.task_id);
      expect(isReplay(again)).toBe(true);
    },
  );

  it.each(['', 'x'.repeat(256), 'x'.repeat(5_000)])('may not be %j', async (value) => {
    const before = await readTables(market.url);
    const reply = await cast.poster.post('/v1/tasks', { need: 'x' }, withKey(value));
    expect(expectError(reply, 400)).toBe('Idempotency-Key must be 1 to 255 characters long');
    expect(await readTables(market.url)).toEqual(before);
  });

  it('means nothing on a GET', async () => {
    for (const value of ['', 'x', 'x'.repeat(256)]) {
      for (const url of ['/v1/me', '/health', '/health/ready']) {
        expect((await cast.poster.get(url, withKey(value))).status).toBe(200);
      }
    }
  });

  it('is forgotten after 24 hours, not before', async () => {
    const hours = async (count: number) => market.pass(count * 3_600_000);
    const key = withKey();
    const create = () => cast.bystander.post('/v1/tasks', { need: 'x', max_credits: 1 }, key);
    const first = await create();
    await hours(23.9);
    expect((await create()).body.task_id).toBe(first.body.task_id);
    await hours(0.1);
    const later = await create();
    expect([later.status, isReplay(later)]).toEqual([201, false]);
    expect(later.body.task_id).not.toBe(first.body.task_id);
  });
});

onBothEngines('the idempotency key of a registration', (engine: Engine) => {
  const register = (market: Market, key: string, name = 'Ada', remoteAddress = '192.0.2.1') =>
    market.request({
      method: 'POST',
      url: '/v1/register',
      payload: JSON.stringify({ name }),
      headers: withKey(key),
      remoteAddress,
    });

  it.each(['', 'x', 'x'.repeat(15)])('has at least 16 characters: %j is 400', async (key) => {
    const market = await Market.fresh(engine);
    expect(expectError(await register(market, key), 400)).toMatch(/^Idempotency-Key must be /);
    expect((await readTables(market.url)).agents).toEqual([]);
  });

  it('gives the same API key again', async () => {
    const market = await Market.fresh(engine);
    const first = await register(market, 'x'.repeat(16));
    const again = await register(market, 'x'.repeat(16));
    expect(again.body).toEqual(first.body);
    expect([first.status, again.status, isReplay(again)]).toEqual([201, 201, true]);
    expect((await market.client('', again.body.api_key).get('/v1/me')).body.id).toBe(first.body.agent_id);
    expect((await readTables(market.url)).agents).toHaveLength(1);
  });

  it('is bound to the address', async () => {
    const market = await Market.fresh(engine);
    const key = randomUUID();
    const [here, there] = [await register(market, key), await register(market, key, 'Ada', '192.0.2.2')];
    expect(there.status).toBe(201);
    expect(there.body.agent_id).not.toBe(here.body.agent_id);
  });

  it('is 422 for another registration', async () => {
    const market = await Market.fresh(engine);
    const key = randomUUID();
    await register(market, key);
    expectError(await register(market, key, 'Bob'), 422);
    expect((await readTables(market.url)).agents).toHaveLength(1);
  });

  it('is forgotten after ten minutes', async () => {
    const market = await Market.fresh(engine);
    const key = randomUUID();
    const first = await register(market, key);
    await market.pass(599_000);
    expect(isReplay(await register(market, key))).toBe(true);
    await market.pass(1_000);
    const later = await register(market, key);
    expect([later.status, isReplay(later)]).toEqual([201, false]);
    expect(later.body.api_key).not.toBe(first.body.api_key);
  });

  it('and the API key are nowhere in the database, nor is the reply', async () => {
    const market = await Market.fresh(engine);
    const key = randomUUID();
    const { body } = await register(market, key);
    const everything = JSON.stringify(await readTables(market.url));
    for (const secret of [key, body.api_key, body.api_key.slice(16), 'Save your API key']) {
      expect(everything).not.toContain(secret);
      expect(everything).not.toContain(Buffer.from(secret).toString('base64').slice(0, 20));
      expect(everything).not.toContain(Buffer.from(secret).toString('hex'));
    }
  });
});

it('SQLite: no file of the database holds the API key of a registration, with or without an idempotency key', async () => {
  const market = await Market.fresh(sqlite);
  const replies = [{}, withKey()].map((headers) =>
    market.request({ method: 'POST', url: '/v1/register', payload: '{"name": "Ada"}', headers }),
  );
  const files = () => ['', '-wal'].map((suffix) => readFileSync(market.url + suffix, 'latin1')).join('');
  for (const { body } of await Promise.all(replies)) {
    expect(files()).toContain(body.agent_id);
    expect(files()).not.toContain(body.api_key);
    expect(files()).not.toContain(body.api_key.slice(16));
  }
});
