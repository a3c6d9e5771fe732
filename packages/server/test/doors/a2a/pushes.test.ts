import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { A2aClient, type Json } from '../../support/a2a.ts';
import { onBothEngines } from '../../support/engines.ts';
import { forbiddenUrls } from '../../support/hostile-urls.ts';
import { type Agent, claimTask, Market } from '../../support/market.ts';
import { answer, hang, Receiver } from '../../support/receiver.ts';
import { until } from '../../support/until.ts';

const secrets = { token: 'secret-1', authentication: { scheme: 'Bearer', credentials: 'secret-2' } };

onBothEngines('a push notification configuration', (engine) => {
  let market: Market;
  let poster: Agent;
  let worker: Agent;
  let client: A2aClient;
  let old: A2aClient;
  beforeAll(async () => {
    market = await Market.open(await engine.marketUrl(), {
      PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true',
      PINCHWORK_INITIAL_CREDITS: '1000000',
    });
    market.ctx.pushes.start();
    [poster, worker] = [await market.register('poster'), await market.register('worker')];
    [client, old] = [new A2aClient(market, poster), new A2aClient(market, poster, '0.3')];
  });
  beforeEach(() => Object.assign(market.ctx.config.webhooks, { allowPrivateNetworks: true, confirmsReceivers: false }));
  afterAll(() => market.close());

  const configuration = (config: object) => ({
    configuration: { returnImmediately: true, taskPushNotificationConfig: config },
  });
  const act = async (task: string, ...verbs: [string, object?][]) => {
    for (const [verb, body] of verbs) {
      const agent = ['approve', 'reject'].includes(verb) ? poster : worker;
      expect((await agent.post(`/v1/tasks/${task}/${verb}`, body ?? {})).status, verb).toBe(200);
    }
  };
  const list = async (taskId: string) =>
    (await client.rpc('ListTaskPushNotificationConfigs', { taskId })).result.configs ?? [];
  const set = (taskId: string, config: object) => client.rpc('CreateTaskPushNotificationConfig', { taskId, ...config });
  const later = (ms: number) => {
    market.clock.advance(ms);
    market.ctx.pushes.wake();
  };
  const states = ({ received }: Receiver) => received.map(({ body }) => body.task.status.state);
  const rows = () => engine.query(market.url, 'select due_at, leased_by, tries, status from push_configs');
  /** Waits until no configuration is served. */
  const idle = () =>
    until(async () => {
      market.ctx.pushes.wake();
      return (await rows()).every(({ leased_by, due_at }) => {
        return leased_by === null && (due_at === null || Number(due_at) > market.clock.now());
      });
    });
  const isSound = async () => expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);

  it('that comes with a message is told each state of its task in order, in the form of 1.0, with its secrets', async () => {
    const receiver = await Receiver.open();
    const { result } = await client.send('Count', {}, configuration({ url: receiver.url, ...secrets }));
    const { id, contextId } = result.task;
    await act(id, ['pickup'], ['deliver', { result: 'one' }], ['reject', { reason: 'No' }]);
    await act(id, ['deliver', { result: 'two' }], ['approve']);
    await until(() => receiver.received.length === 5);
    const expected = ['WORKING', 'INPUT_REQUIRED', 'WORKING', 'INPUT_REQUIRED', 'COMPLETED'];
    expect(states(receiver)).toEqual(expected.map((state) => `TASK_STATE_${state}`));
    const { headers, body } = receiver.received.at(-1)!;
    expect(body.task).toMatchObject({ id, contextId, metadata: { status: 'approved' } });
    expect(body.task.artifacts[0].parts).toEqual([{ text: 'two', mediaType: 'text/plain' }]);
    expect(headers).toMatchObject({
      ...{ 'content-type': 'application/a2a+json', 'a2a-version': '1.0', 'webhook-id': `${id}-6` },
      ...{ 'x-a2a-notification-token': 'secret-1', authorization: 'Bearer secret-2' },
    });
    await idle();
    await isSound();
    expect(await list(id)).toHaveLength(1);
    later(hourMs);
    while (await market.ctx.housekeeping.run());
    expect(await list(id)).toEqual([]);
  });

  it('of 0.3 is told the task as 0.3 writes it, and is set, read, listed and deleted in its words', async () => {
    const receiver = await Receiver.open();
    const inline = { pushNotificationConfig: { url: receiver.url, token: 't' }, blocking: false };
    const { id } = (await old.send('Count', {}, { configuration: inline })).result;
    const named = { id, pushNotificationConfigId: 'mine' };
    const authentication = { schemes: ['Basic'], credentials: 'YTpi' };
    const config = { id: 'mine', url: receiver.url, token: 't', authentication };
    const of = 'tasks/pushNotificationConfig';
    const shown = {
      taskId: id,
      pushNotificationConfig: { id: 'mine', url: receiver.url, authentication: { schemes: ['Basic'] } },
    };
    expect((await old.rpc(`${of}/set`, { taskId: id, pushNotificationConfig: config })).result).toEqual(shown);
    expect((await old.rpc(`${of}/get`, named)).result).toEqual(shown);
    expect((await old.rpc(`${of}/get`, { id })).result.pushNotificationConfig).toEqual({ id, url: receiver.url });
    expect((await old.rpc(`${of}/list`, { id })).result).toHaveLength(2);
    await act(id, ['pickup']);
    await until(() => receiver.received.length === 2);
    const [{ headers }] = receiver.received.filter(({ headers: { authorization } }) => authorization !== undefined) as [
      Json,
    ];
    expect(headers).toMatchObject({ authorization: 'Basic YTpi', 'content-type': 'application/json' });
    expect(receiver.received[0]?.body).toMatchObject({ kind: 'task', id, status: { state: 'working' } });
    for (const _ of [1, 2]) expect((await old.rpc(`${of}/delete`, named)).result).toBeNull();
    expect((await old.rpc(`${of}/get`, named)).error.code).toBe(-32001);
    await act(id, ['deliver', { result: 'done' }]);
    await until(() => receiver.received.length === 3);
    expect(receiver.received[2]?.body.artifacts[0].parts).toEqual([{ kind: 'text', text: 'done' }]);
  });

  it('is set, read, listed and deleted by the REST of 1.0, without its secrets, by the poster alone', async () => {
    const id = await claimTask(poster, worker, { max_credits: 1 });
    const url = 'http://127.0.0.1:1/x';
    const at = (name = '') => `/a2a/v1/tasks/${id}/pushNotificationConfigs${name}`;
    const call = (method: 'GET' | 'POST' | 'DELETE', path: string, agent = poster, payload?: object) =>
      market.request({
        ...{ method, url: path },
        headers: new A2aClient(market, agent).headers,
        ...(payload === undefined ? {} : { payload: JSON.stringify(payload) }),
      });
    const made = await call('POST', at(), poster, { id: 'a', url, ...secrets });
    expect([made.status, made.body]).toEqual([200, { id: 'a', taskId: id, url, authentication: { scheme: 'Bearer' } }]);
    expect((await call('GET', at('/a'))).body).toEqual(made.body);
    expect((await call('GET', at())).body).toEqual({ configs: [made.body] });
    for (const [method, path] of [
      ['GET', '/a'],
      ['DELETE', '/a'],
      ['GET', ''],
    ] as const) {
      expect((await call(method, at(path), worker)).status, `${method} ${path}`).toBe(404);
    }
    expect((await call('POST', at(), worker, { url })).status).toBe(404);
    expect((await call('DELETE', at('/a'))).body).toEqual({});
    expect((await call('GET', at('/a'))).status).toBe(404);
    await isSound();
  });

  it('retries as a webhook does, then leaves the notification out and tells the next', async () => {
    const receiver = await Receiver.open(answer(500));
    const { id } = (await client.send('Count', {}, configuration({ url: receiver.url }))).result.task;
    await act(id, ['pickup']);
    for (const wait of [2, 10, 60]) {
      await idle();
      later(wait * 1_000);
    }
    await until(() => receiver.received.length === 4);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    await idle();
    receiver.behaviour = answer(200);
    await act(id, ['deliver', { result: 'x' }]);
    await until(() => receiver.received.length === 5);
    expect(states(receiver).at(-1)).toBe('TASK_STATE_INPUT_REQUIRED');
    receiver.behaviour = answer(410);
    await act(id, ['approve']);
    await until(async () => (await list(id)).length === 0);
  });

  it('with a new address gets the state of its task alone until it has answered with 2xx, for 24 hours', async () => {
    Object.assign(market.ctx.config.webhooks, { confirmsReceivers: true });
    const [receiver, silent] = [await Receiver.open(answer(404)), await Receiver.open(answer(404))];
    const { id } = (await client.send('Count', {}, configuration({ url: receiver.url }))).result.task;
    await set(id, { id: 'silent', url: silent.url });
    await until(() => receiver.received.length === 1 && silent.received.length === 1);
    await act(id, ['pickup'], ['deliver', { result: 'x' }]);
    await idle();
    expect(states(receiver)).toEqual(['TASK_STATE_SUBMITTED']);
    receiver.behaviour = answer(200);
    later(minuteMs);
    await until(() => receiver.received.length === 2);
    await idle();
    expect(states(receiver)).toEqual(['TASK_STATE_SUBMITTED', 'TASK_STATE_INPUT_REQUIRED']);
    await act(id, ['approve']);
    await until(() => receiver.received.length === 3);
    // The same address needs no new test; another one does.
    await set(id, { url: receiver.url });
    await idle();
    expect(receiver.received).toHaveLength(3);
    later(25 * hourMs);
    await until(async () => (await list(id)).length === 1);
    expect(new Set(states(silent))).toEqual(
      new Set(['TASK_STATE_SUBMITTED', 'TASK_STATE_INPUT_REQUIRED', 'TASK_STATE_COMPLETED']),
    );
  });

  it('never leads to a private address, in any spelling, and no task is posted with one', async () => {
    Object.assign(market.ctx.config.webhooks, { allowPrivateNetworks: false, confirmsReceivers: true });
    const id = await claimTask(poster, worker, { max_credits: 1 });
    const { total } = (await poster.get('/v1/tasks/mine?limit=1')).body;
    for (const url of [
      ...forbiddenUrls.filter((_, i) => i % 4 === 0),
      'http://example.com',
      'https://a:b@example.com',
      '',
      5,
      null,
    ]) {
      const { error } = await set(id, { url });
      expect(error?.code, String(url)).toBeLessThan(0);
    }
    for (const url of [...forbiddenUrls.slice(0, 3), 7]) {
      expect((await client.send('Count', {}, configuration({ url }))).error, String(url)).toBeDefined();
      const inOld = { blocking: false, pushNotificationConfig: { url } };
      expect((await old.send('Count', {}, { configuration: inOld })).error, String(url)).toBeDefined();
    }
    const odd = [
      { token: 'a\r\nb: c' },
      { token: 'x'.repeat(2_001) },
      { id: 'x'.repeat(256) },
      { authentication: { scheme: 'a b' } },
    ];
    Object.assign(market.ctx.config.webhooks, { allowPrivateNetworks: true });
    for (const more of odd) expect((await set(id, { url: 'https://example.com', ...more })).error).toBeDefined();
    expect((await poster.get('/v1/tasks/mine?limit=1')).body.total).toBe(total);
    expect(await list(id)).toEqual([]);
  });

  it('ends with its key, waits while its agent is suspended, and is one of ten of its task', async () => {
    const receiver = await Receiver.open();
    const { key_id, api_key } = (await poster.post('/v1/me/keys', { name: 'short', scopes: ['read', 'post'] })).body;
    const short = new A2aClient(market, { ...poster, key: api_key });
    const id = await claimTask(poster, worker, { max_credits: 1 });
    const url = receiver.url;
    await short.rpc('CreateTaskPushNotificationConfig', { taskId: id, id: 'short', url });
    const suspend = (suspended: boolean) =>
      market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended });
    await suspend(true);
    await act(id, ['deliver', { result: 'x' }]);
    await idle();
    expect(receiver.received).toEqual([]);
    await suspend(false);
    later(minuteMs);
    await until(() => receiver.received.length === 1);
    await poster.delete(`/v1/me/keys/${key_id}`);
    await act(id, ['approve']);
    await until(async () => (await list(id)).length === 0);
    expect(receiver.received).toHaveLength(1);
    const made = await Promise.all(Array.from({ length: 12 }, (_, i) => set(id, { id: `c${i}`, url })));
    expect(made.filter(({ error }) => error === undefined)).toHaveLength(10);
    expect(made.find(({ error }) => error !== undefined)?.error.data[0].reason).toBe('CONFLICT');
  });

  it('that hangs delays no other', async () => {
    const [slow, quick] = [await Receiver.open(hang), await Receiver.open()];
    const tasks: string[] = [];
    for (const { url } of [slow, slow, quick]) {
      tasks.push((await client.send('Count', {}, configuration({ url }))).result.task.id);
    }
    for (const id of tasks) await act(id, ['pickup']);
    await until(() => quick.received.length === 1);
    expect(slow.received.length).toBeGreaterThan(0);
    slow.close();
  });

  it('ends with the account of its agent', async () => {
    const leaving = await market.register('leaving');
    const other = new A2aClient(market, leaving);
    const { id } = (await other.send('Count', {}, configuration({ url: 'http://127.0.0.1:1/x' }))).result.task;
    await leaving.post(`/v1/tasks/${id}/cancel`);
    const of = `select 1 from push_configs where task_id = '${id}'`;
    expect(await engine.query(market.url, of)).toHaveLength(1);
    expect((await leaving.delete(`/v1/me?confirm=${leaving.id}`)).status).toBe(200);
    expect(await engine.query(market.url, of)).toEqual([]);
  });
});
