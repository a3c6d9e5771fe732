import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { A2aClient, type Json } from '../../support/a2a.ts';
import { sqlite } from '../../support/engines.ts';
import { type Agent, deliverTask, claimTask, Market, postTask } from '../../support/market.ts';
import { until } from '../../support/until.ts';

describe('A2A', () => {
  let market: Market;
  let poster: Agent;
  let worker: Agent;
  let client: A2aClient;
  let old: A2aClient;
  beforeAll(async () => {
    market = await Market.open(await sqlite.marketUrl(), { PINCHWORK_RATE_LIMIT_CREATE: '200/hour' });
    [poster, worker] = [await market.register('poster'), await market.register('worker')];
    await market.admin.post('/v1/admin/credits/grant', { agent_id: poster.id, amount: 10_000 });
    client = new A2aClient(market, poster);
    old = new A2aClient(market, poster, '0.3');
  });
  afterAll(() => market.close());

  const statusOf = async (id: string) => (await poster.get(`/v1/tasks/${id}`)).body.status;
  const card = (path: string, headers: Record<string, string> = {}) =>
    market.request({ method: 'GET', url: path, headers });

  it('has a card of 1.0 for a client that asks for it, and one that both versions read for any other', async () => {
    const mixed = await card('/.well-known/agent-card.json');
    expect(mixed.headers).toMatchObject({ vary: 'A2A-Version', 'cache-control': 'private, max-age=60' });
    expect(mixed.headers['last-modified']).toBeDefined();
    expect(mixed.body).toMatchObject({
      protocolVersion: '0.3.0',
      preferredTransport: 'JSONRPC',
      security: [{ bearer: [] }],
    });
    expect(mixed.body.securitySchemes.bearer).toMatchObject({
      type: 'http',
      httpAuthSecurityScheme: { scheme: 'Bearer' },
    });
    expect(mixed.body.supportedInterfaces.map(({ protocolVersion }: Json) => protocolVersion)).toEqual([
      '1.0',
      '1.0',
      '0.3',
    ]);
    const { body: pure } = await card('/.well-known/agent-card.json', { 'a2a-version': '1.0' });
    expect(Object.keys(pure)).not.toContain('protocolVersion');
    expect(pure.securitySchemes.bearer).not.toHaveProperty('type');
    expect((await card('/.well-known/agent.json')).body).toEqual(mixed.body);
    const again = await card('/.well-known/agent-card.json', { 'if-none-match': String(mixed.headers.etag) });
    expect([again.status, again.text]).toEqual([304, '']);
  });

  it('says on the card what infra agents do only where the settings let them', async () => {
    const off = await Market.fresh(sqlite, { PINCHWORK_INFRA_AGENTS: 'off' });
    const { skills } = (await off.request({ method: 'GET', url: '/.well-known/agent.json' })).body;
    expect(skills.map(({ id }: Json) => id)).toEqual(['hire', 'match', 'judge']);
    expect((await card('/.well-known/agent.json')).body.skills.map(({ id }: Json) => id)).toContain('verify');
  });

  it('answers in the media type that it was asked in, with or without a slash, and refuses others', async () => {
    const ask = async (url: string, type: string) =>
      market.request({
        ...{ method: 'POST', url, headers: { ...client.headers, 'content-type': type } },
        payload: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ListTasks', params: {} }),
      });
    for (const url of ['/a2a', '/a2a/']) {
      for (const type of ['application/json', 'application/a2a+json']) {
        const { status, headers } = await ask(url, type);
        expect([status, headers['content-type']]).toEqual([200, `${type}; charset=utf-8`]);
      }
    }
    const refused = await ask('/a2a', 'text/plain');
    expect([refused.status, JSON.parse(refused.text).error.code]).toEqual([415, -32005]);
  });

  it('posts a repeated message once, and one with another content again', async () => {
    const said = { messageId: 'said-once' };
    const first = await client.task('Count the words', said);
    expect((await client.task('Count the words', said)).id).toBe(first.id);
    expect((await client.task('Count the letters', said)).id).not.toBe(first.id);
  });

  it('decides a repeated decision once, although the task has moved since', async () => {
    const id = await deliverTask(poster, worker, { max_credits: 2 });
    const said = { taskId: id, messageId: 'approved-once' };
    const before = await market.balanceOf(worker);
    for (const _ of [1, 2]) expect((await client.task('approve 5', said)).status.state).toBe('TASK_STATE_COMPLETED');
    expect(await market.balanceOf(worker)).toBeLessThanOrEqual(before + 2);
  });

  it.each(['Approve', 'approve 6', 'approve it', 'approved', 'reject', 'reject:', 'I approve'])(
    '%j is a message to the worker and moves no credits',
    async (text) => {
      const id = await deliverTask(poster, worker, { max_credits: 1 });
      const task = await client.task(text, { taskId: id });
      expect(await statusOf(id)).toBe('delivered');
      expect(task.history.at(-1)).toMatchObject({ role: 'ROLE_USER', parts: [{ text }] });
      const { messages } = (await worker.get(`/v1/tasks/${id}/messages`)).body;
      expect(messages.map(({ message }: Json) => message)).toEqual([text]);
    },
  );

  it('takes a decision in the metadata too', async () => {
    const id = await deliverTask(poster, worker, { max_credits: 1 });
    await client.task('Thank you', { taskId: id, metadata: { decision: 'approve 3' } });
    expect((await poster.get(`/v1/tasks/${id}`)).body).toMatchObject({ status: 'approved', rating: 3 });
  });

  it('sends a decision about a claimed task to its worker, as a message', async () => {
    const id = await claimTask(poster, worker, { max_credits: 1 });
    await client.task('approve', { taskId: id });
    expect(await statusOf(id)).toBe('claimed');
  });

  it('shows questions in the history, and answers the one that a message names', async () => {
    const id = await postTask(poster, { max_credits: 1 });
    const question = (await worker.post(`/v1/tasks/${id}/questions`, { question: 'Which words?' })).body.id;
    const asked = (await client.get(id)).history.at(-1);
    expect(asked).toMatchObject({ role: 'ROLE_AGENT', metadata: { questionId: question } });
    const unnamed = await client.send('All', { taskId: id });
    expect(unnamed.error).toMatchObject({ code: -32000, data: [{ reason: 'INVALID_REQUEST' }] });
    const task = await client.task('All', { taskId: id, metadata: { question_id: question } });
    expect(task.history.map(({ parts }: Json) => parts[0].text).slice(1)).toEqual(['Which words?', 'All']);
    expect((await client.rpc('GetTask', { id, historyLength: 1 })).result.history).toHaveLength(1);
  });

  it('joins the parts of a message, and refuses bytes', async () => {
    const parts = [
      { text: 'Count' },
      { data: { words: ['a'] } },
      { url: 'https://files.example/a.txt', filename: 'a.txt' },
    ];
    const { id } = await client.task(parts);
    const { need } = (await poster.get(`/v1/tasks/${id}`)).body;
    expect(need).toBe('Count\n\n{\n  "words": [\n    "a"\n  ]\n}\n\nFile: https://files.example/a.txt (a.txt)');
    expect((await client.send([{ raw: 'aGk=' }])).error.code).toBe(-32005);
    expect((await client.send([])).error.code).toBe(-32602);
  });

  it('approves by itself what fits the acceptance, and asks for one', async () => {
    const metadata = { maxCredits: 1, autoApprove: true };
    expect((await client.send('Count', { metadata })).error.data[0].reason).toBe('INVALID_REQUEST');
    const { id } = await client.task('Count', { metadata: { ...metadata, acceptance: { minLength: 2 } } });
    await worker.post(`/v1/tasks/${id}/pickup`);
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Seven' });
    expect((await client.get(id)).status.state).toBe('TASK_STATE_COMPLETED');
  });

  it('warns of metadata that it does not know, as REST does of fields, and refuses what looks like a slip', async () => {
    const metadata = { max_credits: 1, traceId: 'x', forAgents: ['ag-000000000000'], wait: 9 };
    const { metadata: shown } = await client.task('Count', { metadata });
    const ignored = (name: string) => `The field "${name}" is not known here and was ignored`;
    expect([...shown.warnings].sort()).toEqual(
      ['trace_id', 'metadata.for_agents', 'metadata.wait'].map(ignored).sort(),
    );
    expect((await client.task('Count', { metadata: { max_credits: 1 } })).metadata).not.toHaveProperty('warnings');
    const { error } = await client.send('Count', { metadata: { maxcredit: 1 } });
    expect(error.message).toContain('did you mean max_credits?');
  });

  it('does not make a client of 0.3 wait that says nothing of it', async () => {
    const metadata = { maxCredits: 1 };
    const { result } = await old.rpc('message/send', { message: old.message('Count', { metadata }) });
    expect(result.status.state).toBe('submitted');
  });

  it('keeps the name that a poster gave its conversation from the worker', async () => {
    const contextId = 'for the merger with X';
    const { id } = await client.task('Count', { contextId, metadata: { max_credits: 1 } });
    await worker.post(`/v1/tasks/${id}/pickup`);
    const other = new A2aClient(market, worker);
    expect(JSON.stringify(await other.get(id))).not.toContain('merger');
    expect((await other.get(id)).contextId).toBe(id);
    expect((await other.send('Hello', { taskId: id, contextId: id })).error).toBeUndefined();
    expect((await other.send('Hello', { taskId: id, contextId })).error.code).toBe(-32602);
    expect((await client.get(id)).contextId).toBe(contextId);
  });

  it('keeps the conversation that the client names, lists by it, and refuses another', async () => {
    const contextId = 'a-conversation';
    const [first, second] = [await client.task('One', { contextId }), await client.task('Two', { contextId })];
    expect([first.contextId, second.contextId]).toEqual([contextId, contextId]);
    const { tasks, totalSize } = (await client.rpc('ListTasks', { contextId })).result;
    expect([tasks.map(({ id }: Json) => id), totalSize]).toEqual([[second.id, first.id], 2]);
    const others = new A2aClient(market, worker);
    expect((await others.rpc('ListTasks', { contextId })).result.totalSize).toBe(0);
    expect((await client.send('Hello', { taskId: first.id, contextId: 'another' })).error.code).toBe(-32602);
    const alone = await client.task('Three');
    expect((await client.rpc('ListTasks', { contextId: alone.contextId })).result.tasks).toMatchObject([
      { id: alone.id },
    ]);
  });

  it('lists the task that began its own conversation last, on pages as long as asked for', async () => {
    const metadata = { maxCredits: 1 };
    const ids = [(await client.task('One', { metadata })).id];
    const contextId = ids[0];
    for (const text of ['Two', 'Three']) {
      market.clock.advance(1);
      ids.unshift((await client.task(text, { metadata, contextId })).id);
    }
    for (const pageSize of [1, 2, 3]) {
      const listed: string[][] = [];
      for (let pageToken = ''; listed.length === 0 || pageToken !== '';) {
        const { result } = await client.rpc('ListTasks', { contextId, pageSize, pageToken });
        expect(result.totalSize).toBe(3);
        listed.push(result.tasks.map(({ id }: Json) => id));
        pageToken = result.nextPageToken;
      }
      expect([listed.flat(), listed.length]).toEqual([ids, Math.ceil(3 / pageSize)]);
    }
  });

  it('waits for the result in a send that blocks, for 50 seconds at most', async () => {
    const blocking = client.rpc('SendMessage', {
      message: client.message('Count', { metadata: { tags: ['blocking'] } }),
    });
    await until(() => [...market.ctx.watch.tasks].length === 1);
    market.clock.advance(50_000);
    expect((await blocking).result.task.status.state).toBe('TASK_STATE_SUBMITTED');
  });

  it('answers tasks/resubscribe of 0.3 with a stream also for errors', async () => {
    const { events } = await old.rpc('tasks/resubscribe', { id: 'tk-XKn6PfEsdRzG' });
    expect(events).toMatchObject([{ error: { code: -32001 } }]);
    const { headers, error } = await client.rpc('SubscribeToTask', { id: 'tk-XKn6PfEsdRzG' });
    expect([headers['content-type'], error.code]).toEqual(['application/json; charset=utf-8', -32001]);
  });

  it.for([
    ['another version', 'GetTask', { id: 'x' }, { 'a2a-version': '2.0' }, 200, -32009],
    ['an unknown method', 'Elsewhere', {}, {}, 200, -32601],
    ['a task of nobody', 'GetTask', { id: 'tk-XKn6PfEsdRzG' }, {}, 200, -32001],
    ['no message', 'SendMessage', {}, {}, 200, -32602],
    ['a message without an id', 'SendMessage', { message: { parts: [{ text: 'x' }] } }, {}, 200, -32602],
    ['a page that is too large', 'ListTasks', { pageSize: 500 }, {}, 200, -32602],
    ['a token of another list', 'ListTasks', { pageToken: 'no' }, {}, 200, -32602],
    ['an extended card', 'GetExtendedAgentCard', {}, {}, 200, -32007],
    ['a wrong key', 'GetTask', { id: 'x' }, { authorization: 'Bearer no' }, 401, -32000],
    ['a page of another origin', 'GetTask', { id: 'x' }, { origin: 'https://evil.example' }, 403, -32000],
  ] as const)('refuses %s', async ([, method, params, headers, status, code]) => {
    const reply = await client.rpc(method, params, headers);
    expect([reply.status, reply.error.code]).toEqual([status, code]);
  });

  it.each([
    ['no JSON', '{', -32700],
    ['no request', '{"jsonrpc":"1.0","id":1,"method":"GetTask"}', -32600],
    ['a list', '[]', -32600],
    ['an odd id', '{"jsonrpc":"2.0","id":{},"method":"GetTask"}', -32600],
  ] as const)('refuses %s as JSON-RPC says', async (_, payload, code) => {
    const { text } = await market.request({ method: 'POST', url: '/a2a', headers: client.headers, payload });
    expect(JSON.parse(text)).toMatchObject({ jsonrpc: '2.0', error: { code } });
  });

  it('asks a key for the scopes of the endpoint, and counts as the endpoint does', async () => {
    const { body } = await poster.post('/v1/me/keys', { name: 'reader', scopes: ['read'] });
    const reader = new A2aClient(market, market.client(poster.id, body.api_key));
    expect((await reader.rpc('ListTasks', {})).error).toBeUndefined();
    const refused = await reader.send('Count');
    expect([refused.status, refused.error.data[0].reason]).toEqual([403, 'SCOPE_MISSING']);
    const { headers } = await client.send('Count', { metadata: { maxCredits: 1 } });
    expect(headers['ratelimit-limit']).toBe('200');
  });

  it('hides the tasks of others, and lets no worker decide', async () => {
    const id = await deliverTask(poster, worker, { max_credits: 1 });
    const stranger = new A2aClient(market, await market.register('stranger'));
    for (const method of ['GetTask', 'CancelTask'])
      expect((await stranger.rpc(method, { id })).error.code).toBe(-32001);
    expect((await stranger.send('approve', { taskId: id })).error.code).toBe(-32001);
    expect((await new A2aClient(market, worker).send('approve', { taskId: id })).error.code).toBe(-32001);
    expect(await statusOf(id)).toBe('delivered');
  });

  it('lists a state of A2A that stands for several of ours', async () => {
    const id = await claimTask(poster, worker, { max_credits: 1 });
    const { tasks } = (await client.rpc('ListTasks', { status: 'TASK_STATE_WORKING', pageSize: 1 })).result;
    expect(tasks).toMatchObject([{ id, status: { state: 'TASK_STATE_WORKING' } }]);
    expect((await client.rpc('ListTasks', { status: 'TASK_STATE_REJECTED' })).result).toMatchObject({
      tasks: [],
      totalSize: 0,
    });
  });

  it('takes no message about a task that has ended', async () => {
    const id = await postTask(poster, { max_credits: 1 });
    await poster.post(`/v1/tasks/${id}/cancel`);
    expect((await client.send('Hello', { taskId: id })).error.code).toBe(-32004);
  });
});
