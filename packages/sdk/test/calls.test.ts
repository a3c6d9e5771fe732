import { describe, expect, it } from 'vitest';
import { type AnyEndpoint, endpointRows } from '../src/table.ts';
import { List } from '../src/client/list.ts';
import { rows } from '../src/client/rows.ts';
import { Pinchwork, PinchworkError } from '../src/index.ts';
import { liveMarket } from './support/market.ts';
import { until } from '../../server/test/support/until.ts';

const live = liveMarket();

/** What a client without a server sends. */
function recorder() {
  const sent: { url: string; init: RequestInit & { headers: Record<string, string> } }[] = [];
  const client = new Pinchwork({
    server: 'https://market.example/base/',
    apiKey: 'pwk-agent',
    adminKey: 'the-admin-key',
    fetch: async (url, init) => {
      sent.push({ url: url as string, init: init as (typeof sent)[number]['init'] });
      return Response.json({ newest: 0, next_cursor: null });
    },
  });
  return { client, sent };
}

type AnyMethod = (...args: unknown[]) => PromiseLike<unknown> & AsyncIterator<unknown>;

/** The method of a row, found by its name. */
function methodOf(client: Pinchwork, { call }: AnyEndpoint): AnyMethod {
  const found = call.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], client);
  return found as AnyMethod;
}

const idsOf = ({ params }: AnyEndpoint) => Object.keys(params).map((name) => `${name} 1/2`);

describe('the methods of a client', () => {
  it.each(endpointRows.map((row) => [row.call, row] as const))(
    'client.%s sends its row of the table',
    async (_, row) => {
      const { client, sent } = recorder();
      const end = new AbortController();
      const answer = methodOf(client, row)(...idsOf(row), row.isStream ? { after: 1 } : {}, { signal: end.signal });
      if (row.isStream) void answer.next().catch(() => undefined);
      else await answer;
      await until(() => sent.length === 1);
      end.abort();
      const { url, init } = sent.at(-1)!;
      const path = row.path.replace(/:(\w+)/g, (_match, name: string) => `${name}%201%2F2`);
      expect(url.split('?')[0]).toBe(`https://market.example/base${path}`);
      expect(init.method).toBe(row.method);
      const keys = { none: undefined, agent: 'Bearer pwk-agent', admin: 'Bearer the-admin-key' };
      expect(init.headers.authorization).toBe(keys[row.auth]);
      expect(init.headers['idempotency-key'] !== undefined).toBe(row.idempotency !== 'none');
      expect(init.body !== undefined).toBe(row.body !== undefined);
      expect(init.redirect).toBe('manual');
    },
  );

  it('are those of the table and a few that join several, and no others', () => {
    const tops = new Set(endpointRows.map(({ call }) => call.split('.')[0]));
    expect(new Set(Object.keys(live.client()))).toEqual(new Set([...tops, 'server']));
  });

  it('iterate over every list that the server reads page by page', () => {
    const lists = endpointRows.filter(({ query }) => query !== undefined && 'cursor' in query.shape);
    expect(lists.length).toBeGreaterThan(10);
    expect(rows.filter(({ list }) => list !== null).map(({ call }) => call)).toEqual(lists.map(({ call }) => call));
    const { client } = recorder();
    for (const row of lists) expect(methodOf(client, row)(...idsOf(row))).toBeInstanceOf(List);
  });

  it('put each field where its row has it, and leave out what is undefined', async () => {
    const { client, sent } = recorder();
    await client.tasks.pickupNext({ tags: ['a', 'b'], search: undefined });
    await client.tasks.available({ tags: ['a', 'b'], limit: 3, search: undefined });
    await client.me.delete({ confirm: 'ag-1' });
    await client.me.update({ good_at: null });
    expect(sent.map(({ url, init }) => [url.split('/v1')[1], init.body])).toEqual([
      ['/tasks/pickup', '{"tags":["a","b"]}'],
      ['/tasks/available?tags=a%2Cb&limit=3', undefined],
      ['/me?confirm=ag-1', undefined],
      ['/me', '{"good_at":null}'],
    ]);
  });

  it.each(['', '.', '..', undefined])('refuse %j as an id, which would lead to another endpoint', (id) => {
    expect(() => live.client().tasks.cancel(id!)).toThrow(TypeError);
  });

  it('answer with what the server says, and with null where it has nothing', async () => {
    const [poster, worker] = [await live.agent('poster'), await live.agent('worker')];
    expect(await worker.tasks.pickupNext()).toBeNull();
    const { task_id } = await poster.tasks.create({ need: 'Count the words', tags: ['counting'], max_credits: 20 });
    const { tasks } = await worker.tasks.available({ tags: ['counting'] });
    expect(tasks.map((task) => task.task_id)).toEqual([task_id]);
    const claim = await worker.tasks.pickup(task_id);
    await worker.tasks.deliver(task_id, { result: 'Seven', claim_number: claim.claim_number });
    const approved = await poster.tasks.approve(task_id, { rating: 5 });
    expect(approved).toMatchObject({ status: 'approved', result: 'Seven', rating: 5 });
    expect((await worker.me.credits()).balance).toBe(118);
    expect((await live.client().admin.task(task_id)).history.length).toBeGreaterThan(3);
  });

  it('iterate over all pages of a list, each row once', async () => {
    const poster = await live.agent('poster');
    const ids = [];
    for (let i = 0; i < 7; i++) ids.push((await poster.tasks.create({ need: `Task ${i}`, max_credits: 1 })).task_id);
    const seen = [];
    for await (const { task_id } of poster.tasks.mine({ limit: 2 })) seen.push(task_id);
    expect(seen.sort()).toEqual(ids.sort());
    expect(await poster.tasks.mine({ limit: 3 }).all(4)).toHaveLength(4);
    const sizes = [];
    for await (const { tasks } of poster.tasks.mine({ limit: 3, role: 'poster' }).pages()) sizes.push(tasks.length);
    expect(sizes).toEqual([3, 3, 1]);
    expect(await poster.events.history({ after: 0, limit: 1 }).all()).toEqual([]);
  });

  it('reach what has no method by request(), with the admin key below /v1/admin', async () => {
    const agent = await live.agent();
    expect(await agent.request('GET', '/v1/me')).toMatchObject({ id: agent.id });
    expect(await agent.request('GET', '/v1/agents', { query: { limit: 1 } })).toMatchObject({
      next_cursor: expect.anything(),
    });
    expect(await agent.request('GET', '/v1/admin/log')).toMatchObject({ actions: [] });
    expect(await agent.request('POST', '/v1/tasks', { body: { need: 'X', max_credits: 1 } })).toMatchObject({
      status: 'posted',
    });
    expect(await live.client().request('GET', '/health')).toEqual({ status: 'ok' });
  });

  it('reject with the code, the hint and the request id of the server', async () => {
    const agent = await live.agent();
    const error = await agent.tasks.create({ need: 'X', max_credits: 1_000 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PinchworkError);
    expect(String(error)).toBe('PinchworkError: Not enough credits: the task holds 1000, you have 100');
    expect(error).toMatchObject({
      code: 'insufficient_credits',
      status: 402,
      hint: expect.any(String),
      requestId: expect.any(String),
      retryAfter: undefined,
    });
  });
});
