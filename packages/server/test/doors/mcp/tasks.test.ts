import { tasksExtension } from '@pinchwork/sdk/mcp';
import { limits } from '@pinchwork/sdk/table';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { minuteMs } from '../../../src/ground/clock.ts';
import { onBothEngines, sqlite } from '../../support/engines.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';
import { newEra, oldEra, postMcp } from '../../support/mcp.ts';

const declared = { [tasksExtension]: {} };

onBothEngines('an MCP client with the tasks extension', (engine) => {
  let market: Market;
  let poster: Agent;
  let worker: Agent;
  beforeAll(async () => {
    market = await Market.shared(engine, { PINCHWORK_INITIAL_CREDITS: '10000' });
    poster = await market.register('poster');
    worker = await market.register('worker');
  });
  afterAll(() => market.close());

  const ask = async (method: string, params: Record<string, unknown>) =>
    (await postMcp(market, poster, newEra(method, params, declared))).body;
  const delegate = async (fields: object = {}) => {
    const given = { name: 'pinchwork_delegate', arguments: { need: 'Count', max_credits: 5, ...fields } };
    return (await ask('tools/call', given)).result;
  };
  const stateOf = async (taskId: string) => (await ask('tasks/get', { taskId })).result;
  const work = async (taskId: string) => {
    await worker.post(`/v1/tasks/${taskId}/pickup`);
    await worker.post(`/v1/tasks/${taskId}/deliver`, { result: 'Seven' });
  };

  it('gets a task from a delegation, which has its result when it is delivered, and keeps it after a rejection', async () => {
    const created = await delegate();
    expect(created).toMatchObject({ resultType: 'task', status: 'working', ttlMs: null, pollIntervalMs: 5_000 });
    const { taskId } = created;
    expect(await stateOf(taskId)).toMatchObject({ resultType: 'complete', taskId, status: 'working' });
    await work(taskId);
    const done = await stateOf(taskId);
    expect(done).toMatchObject({ status: 'completed', result: { resultType: 'complete' } });
    expect(done.result.structuredContent).toMatchObject({ task_id: taskId, status: 'delivered', result: 'Seven' });
    await poster.post(`/v1/tasks/${taskId}/reject`, { reason: 'No' });
    const rejected = await stateOf(taskId);
    expect([rejected.status, rejected.result.content.at(-1).text]).toEqual([
      'completed',
      expect.stringContaining('rejected'),
    ]);
  });

  it('gets no task from a delegation that only tries, or that is refused', async () => {
    expect(await delegate({ dry_run: true })).toMatchObject({ structuredContent: { dry_run: true } });
    expect(await delegate({ max_credits: 90_000 })).toMatchObject({ isError: true });
  });

  it('sees an expired task as completed with an error, and a cancelled one as cancelled', async () => {
    const expired = await delegate({ deadline_minutes: 1 });
    await market.pass(2 * minuteMs);
    const state = await stateOf(expired.taskId);
    expect(state).toMatchObject({ status: 'completed', result: { isError: true, resultType: 'complete' } });
    expect('structuredContent' in state.result).toBe(false);
    const { taskId } = await delegate();
    expect((await ask('tasks/cancel', { taskId })).result.resultType).toBe('complete');
    expect(await stateOf(taskId)).toMatchObject({ status: 'cancelled' });
  });

  it('has its wish to cancel taken when it is too late, and nothing happens', async () => {
    const { taskId } = await delegate();
    await work(taskId);
    expect((await ask('tasks/cancel', { taskId })).result.resultType).toBe('complete');
    expect(await stateOf(taskId)).toMatchObject({ status: 'completed' });
  });

  it('that names no task of its own is told so, and one that has not declared it is refused', async () => {
    for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update']) {
      expect((await ask(method, { taskId: 'tk-000000000000' })).error.code).toBe(-32_602);
      const { status, body } = await postMcp(market, poster, newEra(method, { taskId: 'tk-000000000000' }));
      expect([status, body.error.code]).toEqual([400, -32_021]);
      expect(body.error.data).toEqual({ requiredCapabilities: { extensions: declared } });
    }
    const plain = newEra('tools/call', { name: 'pinchwork_delegate', arguments: { need: 'x' } });
    expect((await postMcp(market, poster, plain)).body.result.structuredContent.status).toBe('posted');
  });
});

it('what the protocol refuses before a tool is called is a read, and so is each message of a batch', async () => {
  const market = await Market.fresh(sqlite, { PINCHWORK_RATE_LIMIT_READ: '5/hour' });
  const poster = await market.register('poster');
  const status = oldEra('tools/call', { name: 'pinchwork_status' });
  expect((await postMcp(market, poster, status, { accept: 'application/json' })).status).toBe(406);
  const untold = { ...status, message: { ...status.message, id: undefined } };
  expect((await postMcp(market, poster, untold)).status).toBe(202);
  const { headers, message } = oldEra('tools/list', {});
  const both = await postMcp(market, poster, { headers, message: [message, { ...message, id: 8 }] });
  expect(both.body).toMatchObject([{ id: 7 }, { id: 8 }]);
  const broken = await market.request({
    ...{ method: 'POST', url: '/mcp', payload: '{' },
    headers: { 'content-type': 'application/json', authorization: `Bearer ${poster.key}` },
  });
  expect(broken.status).toBe(400);
  expect((await postMcp(market, poster, status, { accept: 'application/json' })).status).toBe(429);
  const { error } = (await postMcp(market, poster, newEra('tasks/get', { taskId: 'tk-000000000000' }, declared))).body;
  expect(error).toMatchObject({
    message: expect.stringMatching(/\. Wait \d+ seconds/),
    data: { code: 'rate_limited' },
  });
  expect(error.data.retry_after).toBeGreaterThan(0);
});

it('a message that is not UTF-8 is refused, as by REST', async () => {
  const market = await Market.fresh(sqlite);
  const poster = await market.register('poster');
  const { message } = oldEra('tools/call', { name: 'pinchwork_delegate', arguments: { need: 'é' } });
  const { status, body } = await market.request({
    ...{ method: 'POST', url: '/mcp', payload: Buffer.from(JSON.stringify(message), 'latin1') },
    headers: { 'content-type': 'application/json', authorization: `Bearer ${poster.key}` },
  });
  expect([status, body.error]).toEqual([400, expect.stringContaining('UTF-8')]);
});

it('a call of a tool counts against the limit of its endpoint, which the model reads; every other message is a read', async () => {
  const market = await Market.fresh(sqlite, {
    PINCHWORK_RATE_LIMIT_CREATE: '1/hour',
    PINCHWORK_RATE_LIMIT_READ: '2/hour',
  });
  const poster = await market.register('poster');
  const create = oldEra('tools/call', { name: 'pinchwork_delegate', arguments: { need: 'x' } });
  expect((await postMcp(market, poster, create)).body.result.isError).not.toBe(true);
  const limited = await postMcp(market, poster, create);
  expect([limited.status, limited.body.result.isError]).toEqual([200, true]);
  expect(limited.body.result.content[0].text).toMatch(/Try again in \d+ s\.\n\(code: rate_limited/);
  expect((await postMcp(market, poster, oldEra('tools/list', {}))).status).toBe(200);
  expect((await postMcp(market, poster, oldEra('tools/call', { name: 'no_tool' }))).body.error.code).toBe(-32_602);
  const list = await postMcp(market, poster, oldEra('tools/list', {}));
  expect([list.status, list.body.code]).toEqual([429, 'rate_limited']);
  const bad = { ...poster, key: 'pwk-wrong' };
  expect((await postMcp(market, bad, create)).status).toBe(401);
  expect((await postMcp(market, bad, create)).status).toBe(401);
  expect((await postMcp(market, bad, create)).status).toBe(429);
});

it.each(['/mcp', '/a2a', '/a2a/v1/message:send'])(
  'a body for %s that is too large or broken is a read, and a caller without reads is told so',
  async (url) => {
    const market = await Market.fresh(sqlite, { PINCHWORK_RATE_LIMIT_READ: '3/hour' });
    const poster = await market.register('poster');
    const send = async (headers: Record<string, string>, payload: string | Buffer) => {
      const known = { authorization: `Bearer ${poster.key}`, 'content-type': 'application/json' };
      return (await market.request({ method: 'POST', url, headers: { ...known, ...headers }, payload })).status;
    };
    const large = { 'content-length': String(limits.bodyBytes + 1) };
    expect(await send(large, '{}')).toBe(413);
    expect(await send({}, Buffer.from('{"é"', 'latin1'))).toBe(400);
    expect(await send({}, '['.repeat(100))).toBe(400);
    expect(await send(large, '{}')).toBe(429);
    expect((await poster.get('/v1/me')).status).toBe(429);
    expect(await send({ authorization: 'Bearer pwk-wrong' }, '{}')).toBe(401);
  },
);

it('completions name the tasks that an argument may mean', async () => {
  const market = await Market.fresh(sqlite, { PINCHWORK_INITIAL_CREDITS: '1000' });
  const poster = await market.register('poster');
  const delivered = await deliverTask(poster, await market.register('worker'), { max_credits: 1 });
  const posted = await postTask(poster, { max_credits: 1 });
  const complete = async (ref: object, name: string, value: string) => {
    const asked = newEra('completion/complete', { ref, argument: { name, value } });
    return (await postMcp(market, poster, asked)).body.result.completion;
  };
  const review = { type: 'ref/prompt', name: 'review' };
  const task = { type: 'ref/resource', uri: 'task://{id}' };
  expect(await complete(review, 'task_id', 'tk-')).toEqual({ values: [delivered], total: 1, hasMore: false });
  expect((await complete(task, 'id', '')).values.toSorted()).toEqual([delivered, posted].toSorted());
  expect((await complete(task, 'id', posted)).values).toEqual([posted]);
  expect((await complete({ type: 'ref/prompt', name: 'hire' }, 'need', 'x')).values).toEqual([]);
});
