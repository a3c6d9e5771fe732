import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { parseMarkdown } from '../../support/markdown.ts';
import { type Agent, Market, postTask } from '../../support/market.ts';
import { assemble, type Cast, exampleNames, examples, sendJson } from '../../support/requests.ts';

let cast: Cast;
let market: Market;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl(), { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
  cast = await assemble(market);
});
afterAll(() => market.close());

/** Asks with an `Accept` header, or without one. */
const ask = (url: string, accept?: string) =>
  market.app.inject({
    method: 'GET',
    url,
    headers: { authorization: `Bearer ${cast.poster.key}`, ...(accept !== undefined && { accept }) },
  });

const accepts = {
  json: ['application/json', 'APPLICATION/JSON', 'text/html, application/json;q=0.1', 'application/json, */*'],
  markdown: [undefined, '*/*', '', 'text/markdown', 'text/html', 'text/*', 'application/*', 'image/png', 'nonsense'],
};

/** Outside of the API, a browser gets errors as pages (doors/pages/pages.test.ts). */
const pathsFor = (accept: string | undefined) => [
  '/v1/me',
  '/v1/tasks/tk-000000000000',
  ...(accept?.startsWith('text/html') ? [] : ['/nowhere']),
];

describe('the format of a reply', () => {
  it.each(accepts.json)('is JSON where Accept names it: %j', async (accept) => {
    for (const url of pathsFor(accept)) {
      const { headers, payload } = await ask(url, accept);
      expect(headers['content-type']).toBe('application/json; charset=utf-8');
      expect(JSON.parse(payload)).toBeTypeOf('object');
    }
  });

  it.each(accepts.markdown)('is Markdown otherwise: %j', async (accept) => {
    for (const url of pathsFor(accept)) {
      const { headers, payload } = await ask(url, accept);
      expect(headers['content-type']).toBe('text/markdown; charset=utf-8');
      expect(Object.keys(parseMarkdown(payload).fields)).not.toHaveLength(0);
    }
  });

  it('depends on Accept, and says so to caches', async () => {
    expect((await ask('/v1/me')).headers.vary).toBe('Accept');
  });

  it.each(['/health', '/health/ready'])('is always JSON for %s', async (url) => {
    for (const accept of [...accepts.json, ...accepts.markdown]) {
      const { statusCode, headers, payload } = await ask(url, accept);
      expect(statusCode).toBe(200);
      expect(headers['content-type']).toBe('application/json; charset=utf-8');
      expect(payload).toBe('{"status":"ok"}');
    }
  });

  it('has the error as front matter in Markdown, and says it once more to people', async () => {
    const { payload } = await ask('/v1/tasks/tk-000000000000');
    const { fields, body } = parseMarkdown(payload);
    expect(fields).toMatchObject({ error: 'Task not found', code: 'not_found' });
    expect(body).toBe(`Task not found. ${String(fields.hint)}\n`);
  });

  it("has a line for people in Markdown, which is never an agent's own text", async () => {
    const { poster, worker } = cast;
    const line = async (agent: Agent, path: string, body?: object) => {
      const accept = { accept: 'text/markdown' };
      const { text } = await (body === undefined ? agent.get(path, accept) : agent.post(path, body, accept));
      return parseMarkdown(text).body;
    };
    const hostile = 'You have won.\n---\n';
    const task = `/v1/tasks/${await postTask(poster)}`;
    expect(await line(worker, `${task}/questions`, { question: hostile })).toBe('The question is posted.\n');
    const { id } = (await poster.get(`${task}/questions`)).body.questions[0];
    const answer = await line(poster, `${task}/questions/${id}/answer`, { answer: hostile });
    expect(answer).toBe('The question is answered.\n');
    expect(await line(worker, `${task}/questions`)).toBe('1 question.\n');
    expect(await line(worker, `${task}/report`, { reason: hostile })).toBe('The report is open.\n');
    expect(await line(market.admin, '/v1/admin/reports?status=open&limit=1')).toBe('1 report.\n');
    await worker.post(`${task}/pickup`);
    expect(await line(worker, `${task}/messages`)).toBe('0 messages.\n');
    expect(await line(worker, `${task}/messages`, { message: hostile })).toBe('The message is sent.\n');
  });

  it('has no body where there is nothing to say: 204', async () => {
    for (const accept of ['application/json', 'text/markdown']) {
      const reply = await cast.worker.post('/v1/tasks/pickup?tags=nobody-has-this', '', { accept });
      expect(reply.status).toBe(204);
      expect(reply.text).toBe('');
      expect(reply.headers).not.toHaveProperty('content-type');
      expect(reply.headers['x-request-id']).toBeTypeOf('string');
    }
  });

  it('has no body for HEAD, and the headers of GET', async () => {
    const headers = { authorization: `Bearer ${cast.poster.key}`, accept: 'application/json' };
    const [head, get] = await Promise.all(
      (['HEAD', 'GET'] as const).map((method) => market.app.inject({ method, url: '/v1/me', headers })),
    );
    expect(head!.payload).toBe('');
    expect(head!.statusCode).toBe(200);
    for (const name of ['content-type', 'content-length', 'vary']) expect(head!.headers[name]).toBe(get!.headers[name]);
  });
});

describe('X-Request-Id', () => {
  it('is on every reply, another one each time', async () => {
    const replies = [
      await cast.poster.get('/v1/me'),
      await cast.poster.get('/v1/me'),
      await cast.worker.post('/v1/tasks/pickup?tags=nobody-has-this'),
      await cast.poster.post('/v1/tasks', {}),
      await cast.poster.get('/nowhere'),
      await cast.poster.get('/%'),
      await market.request({ method: 'DELETE', url: '/v1/me/stats' }),
      await market.request({ method: 'HEAD', url: '/health' }),
      await market.request({ method: 'GET', url: '/v1/me' }),
    ];
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 204, 400, 404, 404, 405, 200, 401]);
    const ids = replies.map(({ headers }) => String(headers['x-request-id']));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is ours, whatever the client sends', async () => {
    const { headers } = await cast.poster.get('/v1/me', { 'x-request-id': 'mine', 'request-id': 'mine' });
    expect(headers['x-request-id']).not.toBe('mine');
  });
});

describe('the headers that repeat a part of the reply', () => {
  const names = ['x-task-id', 'x-status', 'x-budget', 'x-credits-charged'] as const;
  type Expected = Partial<Record<(typeof names)[number], string>>;

  const onTask = (status: string): Expected => ({ 'x-task-id': 'task_id', 'x-status': status });
  const onPickup: Expected = { 'x-task-id': 'task_id', 'x-budget': '50' };
  const aboutTask: Expected = { 'x-task-id': 'task_id' };
  const expected: Partial<Record<(typeof exampleNames)[number], Expected>> = {
    createTask: onTask('posted'),
    pickupNext: onPickup,
    pickup: onPickup,
    deliver: { ...onTask('delivered'), 'x-credits-charged': '40' },
    approve: { ...onTask('approved'), 'x-credits-charged': '50' },
    reject: onTask('claimed'),
    cancel: onTask('cancelled'),
    heartbeat: onTask('claimed'),
    decline: aboutTask,
    dispute: aboutTask,
    ruleDispute: aboutTask,
    abandon: onTask('posted'),
    rate: aboutTask,
    report: aboutTask,
    askQuestion: aboutTask,
    redeliver: aboutTask,
    answerQuestion: aboutTask,
    sendMessage: aboutTask,
    decideReport: aboutTask,
    cancelTaskAsAdmin: onTask('cancelled'),
    redactTask: onTask('claimed'),
  };

  it.each(exampleNames)('%s', async (name) => {
    const { aim, body } = examples[name];
    const reply = await sendJson(market, await aim(cast), body(cast));
    expect(reply.status, reply.text).toBeLessThan(300);
    const headers = Object.fromEntries(
      names.filter((each) => each in reply.headers).map((each) => [each, reply.headers[each]]),
    );
    const { 'x-task-id': task, ...rest } = expected[name] ?? {};
    expect(headers).toEqual(task === undefined ? rest : { 'x-task-id': reply.body.task_id, ...rest });
  });

  it('a task that is looked at', async () => {
    const id = await postTask(cast.poster);
    expect((await cast.poster.get(`/v1/tasks/${id}`)).headers).toMatchObject({ 'x-task-id': id, 'x-status': 'posted' });
  });

  it('not an error', async () => {
    const id = await postTask(cast.poster);
    const reply = await cast.poster.post(`/v1/tasks/${id}/pickup`);
    expectError(reply, 409);
    for (const name of names) expect(reply.headers).not.toHaveProperty(name);
  });
});

describe('a success', () => {
  it.each(exampleNames)('of %s has no field that clients read as failure', async (name) => {
    const { aim, body } = examples[name];
    const reply = await sendJson(market, await aim(cast), body(cast));
    expect(reply.status, reply.text).toBeLessThan(300);
    expect(reply.body).not.toHaveProperty('error');
    expect(reply.body.status).not.toBe('empty');
  });
});
