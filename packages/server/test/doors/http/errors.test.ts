import {
  type AnyEndpoint,
  type EndpointName,
  endpointRows,
  endpoints,
  type ErrorCode,
  fieldHeaders,
  idPrefixes,
  limitNames,
  limits,
  replyHeaders,
} from '@pinchwork/sdk/table';
import type { InjectOptions } from 'fastify';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { statusOf } from '../../../src/doors/http/errors.ts';
import { sqlite } from '../../support/engines.ts';
import { registerHelper } from '../../support/helpers.ts';
import { disputeTask, rejectTask } from '../../support/disputes.ts';
import { type Agent, claimTask, deliverTask, adminKey, Market, postTask, type Reply } from '../../support/market.ts';
import { assemble, type Cast, type ExampleName, exampleNames, examples, sendJson } from '../../support/requests.ts';
import { exchange, parseReplies } from '../../support/sockets.ts';

/**
 * Provokes every error code that the rows list, for every endpoint. The opposite direction is checked by `Market`: every
 * reply in any test must be listed (support/documented.ts).
 */
let market: Market;
/** A market where every rate limit is one request an hour. */
let strict: Market;
/** A market without an admin key. */
let without: Market;
let cast: Cast;
let stranger: Agent;
let suspended: Agent;
/** A key of the stranger with only the scope `read`. */
let readKey: string;
/** A market that is closed to registration. */
let closed: Market;
/** A market where registration requires an invite. */
let inviting: Market;
let limited: Market;
let strictAgent: Agent;
/** A market where the holder of this key has read more than it may in a minute. */
let wellRead: Market;
let wellWritten: Market;
let writer: Agent;
let readerKey: string;
/** The port of `market`. */
let port: number;

beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl(), {
    PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true',
    PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: '5',
  });
  strict = await Market.open(
    await sqlite.marketUrl(),
    Object.fromEntries(limitNames.map((name) => [`PINCHWORK_RATE_LIMIT_${name.toUpperCase()}`, '1/hour'])),
  );
  without = await Market.open(await sqlite.marketUrl(), { PINCHWORK_ADMIN_KEY: '' });
  closed = await Market.open(await sqlite.marketUrl(), { PINCHWORK_REGISTRATION: 'closed' });
  inviting = await Market.open(await sqlite.marketUrl(), { PINCHWORK_REGISTRATION: 'invite' });
  limited = await Market.open(await sqlite.marketUrl(), { PINCHWORK_MAX_OPEN_CLAIMS: '1' });
  strictAgent = await strict.register();
  wellRead = await Market.open(await sqlite.marketUrl(), { PINCHWORK_READ_MB_PER_MINUTE: '1' });
  const reader = await wellRead.register();
  readerKey = reader.key;
  const long = await postTask(reader, { need: 'x', context: '\u0001'.repeat(100_000) });
  for (let i = 0; i < 2; i++) await reader.get(`/v1/tasks/${long}`);
  wellWritten = await Market.open(await sqlite.marketUrl(), { PINCHWORK_TEXT_MB_PER_DAY: '1' });
  writer = await wellWritten.register();
  const [need, context] = ['\u{1f600}'.repeat(50_000), '\u{1f600}'.repeat(100_000)];
  for (let i = 0; i < 2; i++) await postTask(writer, { need, context, max_credits: 1 });
  await market.app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = market.app.server.address() as AddressInfo);
  cast = await assemble(market);
  stranger = await market.register('stranger');
  readKey = await makeKey(stranger, { scopes: ['read'] });
  suspended = await market.register('suspended');
  await market.admin.post('/v1/admin/agents/suspend', { agent_id: suspended.id, suspended: true });
});
afterAll(async () => {
  for (const each of [market, strict, without, closed, inviting, limited, wellRead, wellWritten]) await each.close();
});

/** Codes that any endpoint may answer. They have their own tests. */
const ofEverything: readonly ErrorCode[] = [
  'request_timeout',
  'headers_too_large',
  'internal_error',
  'overloaded',
  'storage_unavailable',
];

/** The path of an endpoint, with ids that are well-formed and name nothing. */
const pathOf = ({ path, params }: AnyEndpoint) =>
  path.replace(/:(\w+)/g, (_, name: string) => `${idPrefixes[params[name]!]}000000000000`);

function request(row: AnyEndpoint, key?: string, more: Partial<InjectOptions> = {}): InjectOptions {
  return {
    method: row.method,
    url: pathOf(row),
    ...(row.method === 'GET' ? {} : { payload: '{}' }),
    ...more,
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...more.headers,
    },
  };
}

const keyFor = ({ auth }: AnyEndpoint, agent: Agent) =>
  auth === 'none' ? undefined : auth === 'admin' ? adminKey : agent.key;

/** Provokes each code that is common to a kind of endpoint. */
const general: Partial<Record<ErrorCode, (row: AnyEndpoint) => Promise<Reply>>> = {
  invalid_request: (row) => {
    if (row.body !== undefined) return market.request(request(row, keyFor(row, stranger), { payload: '[]' }));
    return row.query === undefined ? withoutHost(row) : withBadQuery(row, row.query);
  },
  unauthorized: (row) => market.request(request(row)),
  agent_suspended: (row) => market.request(request(row, suspended.key)),
  scope_missing: (row) => market.request(request(row, readKey)),
  not_configured: (row) => without.request(request(row, adminKey)),
  payload_too_large: (row) =>
    market.request(request(row, keyFor(row, stranger), { payload: 'x'.repeat(7 * 1024 * 1024) })),
  unsupported_media_type: (row) =>
    market.request(
      request(row, keyFor(row, stranger), { payload: '<x/>', headers: { 'content-type': 'application/xml' } }),
    ),
  rate_limited: async (row) => {
    const agent = keyFor(row, strictAgent);
    await strict.request(request(row, agent));
    return strict.request(request(row, agent));
  },
  quota_exceeded: (row) => {
    if (row.method === 'GET') return wellRead.request(request(row, readerKey));
    const payload = JSON.stringify(examples[row.name as ExampleName].body(cast));
    return wellWritten.request(request(row, writer.key, { payload }));
  },
  idempotency_key_reused: async ({ name }) => {
    const { aim, body } = examples[name as ExampleName];
    const once = { 'idempotency-key': `the key of ${name}, used twice` };
    const to = await aim(cast);
    const first = await sendJson(market, to, body(cast), once);
    expect(first.status, first.text).toBeLessThan(300);
    return sendJson(market, to, { ...body(cast), unknown: 'field' }, once);
  },
};

const withBadQuery = (row: AnyEndpoint, query: z.ZodObject) =>
  market.request(
    request(row, keyFor(row, stranger), { url: `${pathOf(row)}?${Object.keys(query.shape)[0]}=${'x'.repeat(2_001)}` }),
  );

/** An endpoint without parameters and body can refuse only invalid HTTP. */
async function withoutHost(row: AnyEndpoint): Promise<Reply> {
  const sent = `${row.method} ${pathOf(row)} HTTP/1.1\r\nAccept: application/json\r\nConnection: close\r\n\r\n`;
  return parseReplies(await exchange(port, sent))[0]!;
}

const unknownAgent = `${idPrefixes.agent}000000000000`;
const notFound = (name: EndpointName, body?: object) => async () => {
  const row: AnyEndpoint = endpoints[name];
  return market.request(
    request(row, keyFor(row, await withWebhook()), body === undefined ? {} : { payload: JSON.stringify(body) }),
  );
};
/** Makes another key of an agent. @returns the key itself. */
async function makeKey(agent: Agent, terms: object): Promise<string> {
  const { body, text } = await agent.post('/v1/me/keys', { name: 'another', ...terms });
  expect(body.api_key, text).toBeDefined();
  return body.api_key;
}

const registerAt = (at: () => Market, body: object = {}) => {
  return () =>
    at().request(request(endpoints.register, undefined, { payload: JSON.stringify({ name: 'x', ...body }) }));
};

const withWebhook = () => market.register('owner', { webhook_url: 'https://hooks.invalid/owner' });

const post = (agent: () => Agent, path: (id: string) => string, task: () => Promise<string>, body: object = {}) => {
  return async () => agent().post(path(await task()), body);
};
const at = (action: string) => (id: string) => `/v1/tasks/${id}/${action}`;
const [poster, worker, other] = [() => cast.poster, () => cast.worker, () => stranger];
const posted = () => postTask(cast.poster);
const claimed = () => claimTask(cast.poster, cast.worker);
const delivered = () => deliverTask(cast.poster, cast.worker);
const approved = async () => {
  const id = await delivered();
  await cast.poster.post(`/v1/tasks/${id}/approve`);
  return id;
};
/** An agent that holds as many claims as it may, in a market where that is one; and a task that it may not pick up. */
const full = async () => {
  const [poster, worker] = [await limited.register('poster'), await limited.register('worker')];
  await claimTask(poster, worker);
  return { worker, task: await postTask(poster) };
};
/** An agent in cooldown after abandoning five tasks. */
const paused = async () => {
  const agent = await market.register('paused');
  for (let i = 0; i < 5; i++) await agent.post(`/v1/tasks/${await claimTask(cast.poster, agent)}/abandon`);
  return agent;
};
const answered = (agent: () => Agent, times: number) => async () => {
  const id = await posted();
  const { body } = await cast.worker.post(`/v1/tasks/${id}/questions`, { question: 'Why?' });
  const path = `/v1/tasks/${id}/questions/${body.id}/answer`;
  for (let i = 1; i < times; i++) await agent().post(path, { answer: 'So' });
  return agent().post(path, { answer: 'So' });
};

/** Provokes each code that is specific to one endpoint. */
/** An agent with as many streams as it may have. */
async function waiter(): Promise<Agent> {
  const agent = await market.register('waiter');
  for (let i = 0; i < 10; i++) await market.ctx.streams.open(agent.id, {});
  return agent;
}

const own: Readonly<Record<string, () => Promise<Reply>>> = {
  'register registration_closed': registerAt(() => closed),
  'register invite_required': registerAt(() => inviting),
  'register invite_invalid': registerAt(() => inviting, { invite: 'pwi-unknown' }),
  'createTask budget_exceeded': async () => {
    const key = await makeKey(stranger, { scopes: ['post'], max_credits_per_task: 5 });
    return market.request(request(endpoints.createTask, key, { payload: '{"need": "x", "max_credits": 6}' }));
  },
  'createKey conflict': async () => {
    const agent = await market.register('collector');
    for (let keys = 1; keys < limits.keysPerAgent; keys++) await makeKey(agent, {});
    return agent.post('/v1/me/keys', { name: 'one too many' });
  },
  'deleteMe conflict': async () => {
    const agent = await market.register('poster of an open task');
    await postTask(agent);
    return agent.delete(`/v1/me?confirm=${agent.id}`);
  },
  'revokeKey not_found': notFound('revokeKey'),
  'revokeKey conflict': async () => {
    const agent = await market.register('owner of one key');
    const { key } = (await agent.get('/v1/me')).body;
    const url = `/v1/me/keys/${key.key_id}`;
    return market.request(request(endpoints.revokeKey, agent.key, { url }));
  },
  'rotateKey conflict': async () => {
    const agent = await market.register('rotator');
    await agent.post('/v1/me/keys/rotate', { overlap_minutes: 10 });
    return agent.post('/v1/me/keys/rotate');
  },
  'changeAgent not_found': notFound('changeAgent', { reissue_key: true }),
  'revokeInvite not_found': notFound('revokeInvite'),
  'createTask insufficient_credits': () => cast.worker.post('/v1/tasks', { need: 'x', max_credits: 100_000 }),
  'showTask not_found': notFound('showTask'),
  'showBoardTask not_found': notFound('showBoardTask'),
  'cancel not_found': notFound('cancel'),
  'cancel forbidden': post(worker, at('cancel'), posted),
  'cancel conflict': post(poster, at('cancel'), claimed),
  'pickupNext pickups_paused': async () => (await paused()).post('/v1/tasks/pickup'),
  'pickupBatch pickups_paused': async () => (await paused()).post('/v1/tasks/pickup/batch'),
  'pickupNext too_many_claims': async () => (await full()).worker.post('/v1/tasks/pickup'),
  'pickupBatch too_many_claims': async () => (await full()).worker.post('/v1/tasks/pickup/batch'),
  'pickup too_many_claims': async () => {
    const { worker, task } = await full();
    return worker.post(`/v1/tasks/${task}/pickup`);
  },
  'pickup not_found': notFound('pickup'),
  'pickup conflict': post(poster, at('pickup'), posted),
  'pickup pickups_paused': async () => (await paused()).post(`/v1/tasks/${await posted()}/pickup`),
  'deliver not_found': notFound('deliver', { result: 'x' }),
  'deliver forbidden': post(other, at('deliver'), claimed, { result: 'x' }),
  'deliver not_acceptable': post(
    worker,
    at('deliver'),
    () => claimTask(cast.poster, cast.worker, { acceptance: { format: 'json' } }),
    { result: 'x' },
  ),
  'deliver conflict': post(worker, at('deliver'), delivered, { result: 'x' }),
  'heartbeat not_found': notFound('heartbeat'),
  'heartbeat forbidden': post(other, at('heartbeat'), claimed),
  'heartbeat conflict': post(worker, at('heartbeat'), delivered),
  'abandon not_found': notFound('abandon'),
  'abandon forbidden': post(other, at('abandon'), claimed),
  'abandon conflict': post(worker, at('abandon'), delivered),
  'decline not_found': notFound('decline'),
  'decline forbidden': post(worker, at('decline'), posted),
  'decline conflict': post(worker, at('decline'), async () => {
    const task = await postTask(cast.poster, { for_agents: [cast.worker.id] });
    await cast.worker.post(`/v1/tasks/${task}/pickup`);
    return task;
  }),
  'dispute not_found': notFound('dispute', { reason: 'x' }),
  'dispute forbidden': post(other, at('dispute'), claimed, { reason: 'x' }),
  'dispute conflict': post(worker, at('dispute'), claimed, { reason: 'x' }),
  'dispute insufficient_credits': async () => {
    const broke = await market.register('broke');
    const task = await rejectTask(cast.poster, broke, { max_credits: 5 });
    await market.admin.post('/v1/admin/credits/debit', { agent_id: broke.id, amount: 1_000_000 });
    return broke.post(`/v1/tasks/${task}/dispute`, { reason: 'x' });
  },
  'dispute budget_exceeded': async () => {
    const agent = await market.register('thrifty');
    const task = await rejectTask(cast.poster, agent, { max_credits: 20 });
    const key = await makeKey(agent, { scopes: ['work'], max_credits_per_day: 1 });
    return market.client(agent.id, key).post(`/v1/tasks/${task}/dispute`, { reason: 'x' });
  },
  'dispute too_many_disputes': async () => {
    const agent = await market.register('quarrelsome');
    for (let i = 0; i < 3; i++) await disputeTask(market, { poster: cast.poster, worker: agent }, { max_credits: 5 });
    const task = await rejectTask(cast.poster, agent, { max_credits: 5 });
    return agent.post(`/v1/tasks/${task}/dispute`, { reason: 'x' });
  },
  'approve not_found': notFound('approve'),
  'approve forbidden': post(worker, at('approve'), delivered),
  'approve conflict': post(poster, at('approve'), claimed),
  'reject not_found': notFound('reject', { reason: 'x' }),
  'reject forbidden': post(worker, at('reject'), delivered, { reason: 'x' }),
  'reject conflict': post(poster, at('reject'), claimed, { reason: 'x' }),
  'rate not_found': notFound('rate', { rating: 5 }),
  'rate forbidden': post(other, at('rate'), approved, { rating: 5 }),
  'rate conflict': post(worker, at('rate'), delivered, { rating: 5 }),
  'report not_found': notFound('report', { reason: 'x' }),
  'report forbidden': post(other, at('report'), claimed, { reason: 'x' }),
  'listQuestions not_found': notFound('listQuestions'),
  'askQuestion not_found': notFound('askQuestion', { question: 'x' }),
  'askQuestion conflict': post(poster, at('questions'), posted, { question: 'x' }),
  'askQuestion too_many_questions': async () => {
    const id = await posted();
    for (let i = 0; i < 5; i++) await cast.worker.post(`/v1/tasks/${id}/questions`, { question: 'x' });
    return cast.worker.post(`/v1/tasks/${id}/questions`, { question: 'x' });
  },
  'answerQuestion not_found': notFound('answerQuestion', { answer: 'x' }),
  'answerQuestion forbidden': answered(other, 1),
  'answerQuestion conflict': answered(poster, 2),
  'listTaskDeliveries not_found': notFound('listTaskDeliveries'),
  'listMessages not_found': notFound('listMessages'),
  'listMessages forbidden': async () => stranger.get(`/v1/tasks/${await claimed()}/messages`),
  'sendMessage not_found': notFound('sendMessage', { message: 'x' }),
  'sendMessage forbidden': post(other, at('messages'), claimed, { message: 'x' }),
  'sendMessage conflict': post(poster, at('messages'), posted, { message: 'x' }),
  'streamEvents too_many_streams': async () => {
    for (let i = 0; i < 10; i++) await market.ctx.streams.open(stranger.id, {});
    return stranger.get('/v1/events');
  },
  'streamMarket too_many_streams': async () => {
    for (let i = 0; i < 10; i++) market.ctx.feed.open('127.0.0.1');
    return market.request({ method: 'GET', url: '/v1/market/events' });
  },
  'createTask too_many_streams': async () => (await waiter()).post('/v1/tasks', { need: 'x', wait: 1 }),
  'pickupNext too_many_streams': async () => (await waiter()).post('/v1/tasks/pickup?wait=1'),
  'showTask too_many_streams': async () => {
    const agent = await waiter();
    return agent.get(`/v1/tasks/${await postTask(agent)}?wait=1`);
  },
  'redeliver not_found': notFound('redeliver'),
  'redeliver conflict': () => stranger.post('/v1/me/webhook/deliveries/wd-000000000000/redeliver'),
  'testWebhook conflict': () => stranger.post('/v1/me/webhook/test'),
  'showAgent not_found': notFound('showAgent'),
  'grantCredits not_found': notFound('grantCredits', { agent_id: unknownAgent, amount: 1 }),
  'report conflict': async () => {
    const id = await posted();
    await stranger.post(`/v1/tasks/${id}/report`, { reason: 'Spam' });
    return stranger.post(`/v1/tasks/${id}/report`, { reason: 'Spam' });
  },
  'showAgentAsAdmin not_found': notFound('showAgentAsAdmin'),
  'showTaskAsAdmin not_found': notFound('showTaskAsAdmin'),
  'debitCredits not_found': notFound('debitCredits', { agent_id: unknownAgent, amount: 1 }),
  'cancelTaskAsAdmin not_found': notFound('cancelTaskAsAdmin', { reason: 'Spam' }),
  'cancelTaskAsAdmin conflict': async () =>
    market.admin.post(`/v1/admin/tasks/${await approved()}/cancel`, { reason: 'Spam' }),
  'redactTask not_found': notFound('redactTask', { reason: 'Spam' }),
  'redactTask conflict': async () => {
    const helper = await registerHelper(market);
    await posted();
    const { body } = await helper.post('/v1/tasks/pickup');
    return market.admin.post(`/v1/admin/tasks/${body.task_id}/redact`, { reason: 'Spam' });
  },
  'suspendAgent not_found': notFound('suspendAgent', { agent_id: unknownAgent, suspended: true }),
  'showDispute not_found': notFound('showDispute'),
  'ruleDispute not_found': notFound('ruleDispute', { worker_share: 80 }),
  'ruleDispute conflict': async () => {
    const worker = await market.register('disputant');
    const { dispute } = await disputeTask(market, { poster: cast.poster, worker }, { max_credits: 5 });
    await market.admin.post(`/v1/admin/disputes/${dispute}`, { worker_share: 0 });
    return market.admin.post(`/v1/admin/disputes/${dispute}`, { worker_share: 0 });
  },
  'decideReport not_found': notFound('decideReport', { status: 'resolved' }),
  ...Object.fromEntries(
    endpointRows
      .filter(({ auth }) => auth === 'admin')
      .map((row) => [`${row.name} forbidden`, () => market.request(request(row, stranger.key))]),
  ),
};

const listed = endpointRows.flatMap((row) =>
  row.errors.filter((code) => !ofEverything.includes(code)).map((code) => ({ row, name: row.name, code })),
);

describe('a code that the row of an endpoint lists', () => {
  it.each(listed)('is answered: $name $code', async ({ row, name, code }) => {
    const provoke = own[`${name} ${code}`] ?? general[code];
    expect(provoke, 'nobody provokes it').toBeDefined();
    const reply = await provoke!(row);
    expect([reply.status, reply.body.code], reply.text).toEqual([statusOf[code], code]);
  });

  it('is listed where it is provoked', () => {
    const all = listed.map(({ name, code }) => `${name} ${code}`);
    expect(Object.keys(own).filter((each) => !all.includes(each))).toEqual([]);
  });
});

describe('a header that a row lists', () => {
  /** A request of each endpoint whose usual success has headers of its own. */
  const reads: Partial<Record<EndpointName, () => Promise<Reply>>> = {
    showTask: async () => cast.poster.get(`/v1/tasks/${await posted()}`),
    showBoardTask: async () => cast.worker.get(`/v1/tasks/available/${await posted()}`),
  };
  const rows = endpointRows.filter(({ headers }) => Object.keys(headers).length > 0);

  it.each(rows)('is in its reply: $name', async ({ name, headers }) => {
    const example = exampleNames.includes(name as ExampleName) ? examples[name as ExampleName] : undefined;
    const reply =
      example === undefined
        ? await reads[name]!()
        : await sendJson(market, await example.aim(cast), example.body(cast));
    for (const [header, field] of Object.entries(headers)) {
      expect(reply.headers[header.toLowerCase()], header).toBe(String(reply.body[field]));
    }
  });

  it('may be read by web pages of other origins, as every other', async () => {
    const open = await Market.fresh(sqlite, { PINCHWORK_CORS_ORIGINS: 'https://page.example' });
    const { headers } = await open.request({
      method: 'GET',
      url: '/v1/agents',
      headers: { origin: 'https://page.example' },
    });
    const exposed = String(headers['access-control-expose-headers']).split(', ');
    expect(exposed.sort()).toEqual(Object.keys(replyHeaders).sort());
    expect(exposed).toEqual(expect.arrayContaining(Object.keys(fieldHeaders)));
  });
});
