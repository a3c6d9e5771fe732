import { afterAll, beforeAll, expect, it } from 'vitest';
import { A2aDoor } from '../../../src/doors/a2a/door.ts';
import { openDoor } from '../../../src/doors/invoke.ts';
import { A2aClient } from '../../support/a2a.ts';
import { onBothEngines, sqlite } from '../../support/engines.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';
import { until } from '../../support/until.ts';

onBothEngines('a client of A2A', (engine) => {
  let market: Market;
  let poster: Agent;
  let client: A2aClient;
  let old: A2aClient;
  beforeAll(async () => {
    market = await Market.shared(engine);
    poster = await market.register('poster');
    client = new A2aClient(market, poster);
    old = new A2aClient(market, poster, '0.3');
  });
  afterAll(() => market.close());

  it('that leaves before its stream begins keeps no place among the waits of its agent', async () => {
    const door = new A2aDoor(market.ctx, openDoor(market.ctx));
    const sender = {
      ...{ credentials: { key: poster.key, address: '127.0.0.1' }, agentId: poster.id, keyId: undefined },
      ...{ requestId: 'r', origin: 'http://market.test', signal: new AbortController().signal },
      tellUsage: () => undefined,
      beforeCall: () => undefined,
    };
    const id = await postTask(poster, { max_credits: 1 });
    const byRest = { method: 'GET', path: `/tasks/${id}:subscribe`, query: {}, body: {} } as const;
    const frame = { jsonrpc: '2.0', id: 1, method: 'SubscribeToTask', params: { id } } as const;
    const opened = [await door.rest(byRest, sender), await door.rpc({ version: '1.0', frame }, sender)];
    expect(market.ctx.watch.count).toBe(2);
    for (const reply of opened) {
      if (!('events' in reply)) throw new Error('This is no stream');
      for await (const _ of reply.events) break;
    }
    expect(market.ctx.watch.count).toBe(0);
  });

  it('names no conversation that cannot be stored, and no task that cannot be one', async () => {
    for (const contextId of ['x'.repeat(256), 'a\0b', '\ud800']) {
      expect((await client.send('Count', { contextId })).error.code).toBe(-32602);
      expect((await client.rpc('ListTasks', { contextId })).error.code).toBe(-32602);
    }
    expect((await old.send('Count', { contextId: 5 })).error.code).toBe(-32602);
    expect((await client.task('Count', { contextId: '\u{1f600}'.repeat(127) })).contextId).toHaveLength(254);
    for (const taskId of ['a\0b', '\ud800', 'x'.repeat(5_000)]) {
      expect((await client.send('Hello', { taskId })).error.code).toBe(-32001);
    }
    expect((await old.send('Hello', { taskId: { odd: true } })).error.code).toBe(-32602);
  });

  it('posts one task with a message that it streams, then sends', async () => {
    const message = client.message('Count', { metadata: { max_credits: 1, tags: ['streamed'] } });
    const stream = client.rpc('SendStreamingMessage', { message });
    await until(() => [...market.ctx.watch.tasks].length === 1);
    const [task_id] = market.ctx.watch.tasks;
    const blocking = client.rpc('SendMessage', { message });
    await until(() => market.ctx.watch.count === 2);
    await poster.post(`/v1/tasks/${task_id}/cancel`);
    expect((await stream).events[0].result.task.id).toBe(task_id);
    expect((await blocking).result.task.id).toBe(task_id);
  });

  it('gets the part of a list and of a history that it asks for, and no answer to an odd wish', async () => {
    market.clock.advance(1_000);
    const { id } = await client.task('Count', { metadata: { max_credits: 1 } });
    const { timestamp } = (await client.get(id)).status;
    market.clock.advance(1_000);
    const later = (await client.task('Count', { metadata: { max_credits: 1 } })).id;
    const list = async (statusTimestampAfter: string) =>
      (await client.rpc('ListTasks', { statusTimestampAfter, pageSize: 2 })).result.tasks.map(
        ({ id: found }: { id: string }) => found,
      );
    expect(await list(timestamp)).toEqual([later, id]);
    expect(await list(new Date(Date.parse(timestamp) + 1).toISOString())).toEqual([later]);
    expect((await client.rpc('ListTasks', { statusTimestampAfter: 'soon' })).error.code).toBe(-32602);
    expect((await client.rpc('GetTask', { id, historyLength: -1 })).error.code).toBe(-32602);
    expect((await old.rpc('tasks/get', { id, historyLength: 'two' })).error.code).toBe(-32602);
  });

  it('sends text alone as text', async () => {
    expect((await old.send([{ kind: 'text', text: { odd: true } }])).error.code).toBe(-32602);
    const latin = Buffer.from(
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ListTasks', params: { x: 'é' } }),
      'latin1',
    );
    const { status, text } = await market.request({
      method: 'POST',
      url: '/a2a',
      headers: client.headers,
      payload: latin,
    });
    expect([status, JSON.parse(text).error.message]).toEqual([400, expect.stringContaining('UTF-8')]);
  });

  it('cancels by REST without a body, and so without a media type', async () => {
    const { id } = await client.task('Count', { metadata: { max_credits: 1 } });
    const { 'content-type': _, ...headers } = client.headers;
    const cancelled = await market.request({ method: 'POST', url: `/a2a/v1/tasks/${id}:cancel`, headers });
    expect([cancelled.status, JSON.parse(cancelled.text).status.state]).toEqual([200, 'TASK_STATE_CANCELED']);
  });

  it('reads in a refusal what to do', async () => {
    const worker = await market.register('worker');
    const id = await deliverTask(poster, worker, { max_credits: 1 });
    const { code, data } = (await client.rpc('CancelTask', { id })).error;
    const byRest = await poster.post(`/v1/tasks/${id}/cancel`);
    expect([code, data[0].metadata.hint]).toEqual([-32002, byRest.body.hint]);
    expect(byRest.body.hint).toBeDefined();
  });
});

it('a suspended agent, one without budget and one with too many calls are refused by A2A as by REST', async () => {
  const market = await Market.fresh(sqlite, { PINCHWORK_RATE_LIMIT_READ: '3/hour' });
  const bad = await market.register('bad');
  await market.admin.post('/v1/admin/agents/suspend', { agent_id: bad.id, suspended: true });
  const suspended = new A2aClient(market, bad);
  for (const method of ['SendMessage', 'SendStreamingMessage']) {
    const { status, error } = await suspended.rpc(method, { message: suspended.message('Count') });
    expect([method, status, error.data[0].reason]).toEqual([method, 403, 'AGENT_SUSPENDED']);
  }
  expect((await suspended.rpc('ListTasks', { contextId: 'any' })).status).toBe(403);
  expect(market.ctx.watch.count).toBe(0);

  const poster = await market.register('poster');
  const made = await poster.post('/v1/me/keys', { name: 'thrifty', scopes: ['post', 'read'], max_credits_per_task: 2 });
  expect(made.status).toBe(201);
  const thrifty = new A2aClient(market, market.client(poster.id, made.body.api_key));
  const { error } = await thrifty.send('Count', { metadata: { maxCredits: 3 } });
  expect(error.data[0].reason).toBe('BUDGET_EXCEEDED');

  for (let i = 0; i < 2; i++) expect((await thrifty.rpc('Elsewhere', {})).status).toBe(200);
  const broken = { method: 'POST', url: '/a2a/v1/message:send', headers: thrifty.headers, payload: '{' } as const;
  expect((await market.request(broken)).status).toBe(400);
  expect((await market.request(broken)).status).toBe(429);
  const limited = await thrifty.rpc('ListTasks', {});
  expect([limited.status, limited.error.data[0].reason]).toEqual([429, 'RATE_LIMITED']);
  expect(limited.error.data[0].metadata.retryAfterSeconds).toBe(String(limited.headers['retry-after']));
});

it('a message about a task counts before anything is read about the task, and once', async () => {
  const market = await Market.fresh(sqlite, { PINCHWORK_RATE_LIMIT_WRITE: '3/hour' });
  const poster = await market.register('poster');
  const client = new A2aClient(market, poster);
  const taskId = await deliverTask(poster, await market.register('worker'), { max_credits: 1 });
  expect((await client.send('One', { taskId })).status).toBe(200);
  for (let i = 0; i < 2; i++) {
    expect((await client.send('One', { taskId, contextId: 'another' })).error.code).toBe(-32602);
  }
  const refused = await client.send('One', { taskId, contextId: 'another' });
  expect([refused.status, refused.error.data[0].reason]).toEqual([429, 'RATE_LIMITED']);
});
