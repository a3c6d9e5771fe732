import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { A2aClient } from '../../support/a2a.ts';
import { sqlite } from '../../support/engines.ts';
import { type Agent, Market } from '../../support/market.ts';
import { until } from '../../support/until.ts';

describe('the REST of A2A 1.0', () => {
  let market: Market;
  let poster: Agent;
  let worker: Agent;
  let client: A2aClient;
  beforeAll(async () => {
    market = await Market.open(await sqlite.marketUrl());
    [poster, worker] = [await market.register('poster'), await market.register('worker')];
    client = new A2aClient(market, poster);
  });
  afterAll(() => market.close());

  const call = async (method: 'GET' | 'POST' | 'DELETE', path: string, body?: object, headers: object = {}) => {
    const reply = await market.request({
      ...{ method, url: `/a2a/v1${path}` },
      headers: { ...client.headers, ...headers },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    return { ...reply, body: reply.text.startsWith('{') ? JSON.parse(reply.text) : {} };
  };
  const hire = async (text: string) =>
    (await call('POST', '/message:send', { message: client.message(text), configuration: { returnImmediately: true } }))
      .body.task;

  it('posts, shows, lists and cancels tasks', async () => {
    const task = await hire('Count the words');
    expect(task.status.state).toBe('TASK_STATE_SUBMITTED');
    expect((await call('GET', `/tasks/${task.id}`)).body).toMatchObject({
      id: task.id,
      history: [{ role: 'ROLE_USER' }],
    });
    expect((await call('GET', `/tasks/${task.id}?historyLength=0`)).body.history ?? []).toEqual([]);
    const { body: page } = await call('GET', '/tasks?pageSize=1&status=TASK_STATE_SUBMITTED');
    expect(page).toMatchObject({ tasks: [{ id: task.id }], pageSize: 1, totalSize: 1, nextPageToken: '' });
    expect((await call('POST', `/tasks/${task.id}:cancel`, {})).body.status.state).toBe('TASK_STATE_CANCELED');
  });

  it('streams what becomes of a task', async () => {
    const { id } = await hire('Count the words');
    const stream = call('POST', `/tasks/${id}:subscribe`, {});
    await until(() => [...market.ctx.watch.tasks].length === 1);
    await worker.post(`/v1/tasks/${id}/pickup`);
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Seven' });
    const { headers, text } = await stream;
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!));
    expect(events[0].task.id).toBe(id);
    expect(events.at(-2)).toMatchObject({ artifactUpdate: { taskId: id, artifact: { parts: [{ text: 'Seven' }] } } });
    expect(events.at(-1).statusUpdate.status.state).toBe('TASK_STATE_INPUT_REQUIRED');
  });

  it('streams a task from its beginning', async () => {
    const stream = call('POST', '/message:stream', { message: client.message('Count the words') });
    await until(() => [...market.ctx.watch.tasks].length === 1);
    const { tasks } = (await poster.get('/v1/tasks/mine?status=posted')).body;
    await poster.post(`/v1/tasks/${tasks[0].task_id}/cancel`);
    const { text } = await stream;
    expect(text).toMatch(/^data: \{"task":[^\n]*"state":"TASK_STATE_SUBMITTED"/);
    expect(text).toMatch(/"statusUpdate":[^\n]*"state":"TASK_STATE_CANCELED"[^\n]*\n\n$/);
  });

  it.for([
    ['an unknown task', 'GET', '/tasks/tk-XKn6PfEsdRzG', undefined, {}, 404, 'TASK_NOT_FOUND'],
    ['an unknown task to cancel', 'POST', '/tasks/tk-XKn6PfEsdRzG:cancel', {}, {}, 404, 'TASK_NOT_FOUND'],
    ['an odd number', 'GET', '/tasks?pageSize=many', undefined, {}, 400, 'INVALID_PARAMS'],
    ['a page that is too large', 'GET', '/tasks?pageSize=101', undefined, {}, 400, 'INVALID_PARAMS'],
    ['no message', 'POST', '/message:send', {}, {}, 400, 'INVALID_PARAMS'],
    ['another version', 'GET', '/tasks', undefined, { 'a2a-version': '0.3' }, 400, 'VERSION_NOT_SUPPORTED'],
    [
      'another media type',
      'POST',
      '/message:send',
      {},
      { 'content-type': 'text/plain' },
      415,
      'CONTENT_TYPE_NOT_SUPPORTED',
    ],
    ['a wrong key', 'GET', '/tasks', undefined, { authorization: 'Bearer no' }, 401, 'UNAUTHORIZED'],
    [
      'bytes',
      'POST',
      '/message:send',
      { message: { messageId: 'b', role: 'ROLE_USER', parts: [{ raw: 'aGk=' }] } },
      {},
      415,
      'CONTENT_TYPE_NOT_SUPPORTED',
    ],
    [
      'too few credits',
      'POST',
      '/message:send',
      { message: { messageId: 'c', role: 'ROLE_USER', parts: [{ text: 'x' }], metadata: { maxCredits: 99999 } } },
      {},
      402,
      'INSUFFICIENT_CREDITS',
    ],
  ] as const)('refuses %s', async ([, method, path, body, headers, status, reason]) => {
    const reply = await call(method, path, body, headers);
    expect(reply.status).toBe(status);
    expect(reply.body.error).toMatchObject({ code: status, details: [{ reason }] });
  });

  it('has no other addresses and methods', async () => {
    expect((await call('GET', '/elsewhere')).status).toBe(404);
    const wrong = await call('DELETE', '/tasks/tk-XKn6PfEsdRzG');
    expect([wrong.status, wrong.headers.allow]).toEqual([405, 'GET']);
  });
});
