import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

/**
 * Mistakes of new clients, one row each: the request, the status, the code, and what the hint or the error must
 * name, so that the next request can be right (contract section 1, "Errors").
 */

let market: Market;
let poster: Agent;
let worker: Agent;
let stranger: Agent;
/** A task in each state that a row may need. The poster's tasks; the worker has worked on them. */
let ids: Readonly<Record<string, string>>;

const form = 'application/x-www-form-urlencoded';
const json = 'application/json';
const markdown = 'text/markdown';

type Who = 'poster' | 'worker' | 'stranger' | 'admin' | 'nobody' | 'wrong key';

interface Row {
  readonly who?: Who;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly code?: string;
}

/** `METHOD path`, the status, and what error and hint together must say. Paths may name a state: `{posted}`. */
type Case = readonly [request: string, status: number, says: string, more?: Row];

const as = (who: Who, body?: string, type = json): Row => ({ who, type, ...(body === undefined ? {} : { body }) });
const text = (body: string | Buffer, type = form): Row => ({ body, type });

const paths: readonly Case[] = [
  ['GET /V1/Me', 404, 'GET /v1/me?'],
  ['GET /v1/me/', 404, 'GET /v1/me?'],
  ['GET //v1/me', 404, 'GET /v1/me?'],
  ['GET /constructor', 404, '/v1/capabilities'],
  ['GET /__proto__', 404, '/v1/capabilities'],
  ['GET /me', 404, 'GET /v1/me?'],
  ['GET /v2/me', 404, 'GET /v1/me?'],
  ['GET /api/v1/me', 404, 'GET /v1/me?'],
  ['GET /api/me', 404, 'GET /v1/me?'],
  ['GET /v1/profile', 404, 'GET /v1/me?'],
  ['GET /whoami', 404, 'GET /v1/me?'],
  ['GET /balance', 404, 'GET /v1/me/credits?'],
  ['GET /v1/keys', 404, 'GET /v1/me/keys?'],
  ['GET /admin/invite', 404, 'GET /v1/admin/invites?'],
  ['GET /v1/credits', 404, 'GET /v1/me/credits?'],
  ['GET /v1/me/balance', 404, 'GET /v1/me/credits?'],
  ['GET /v1/wallet', 404, 'GET /v1/me/credits?'],
  ['GET /v1/stats', 404, 'GET /v1/me/stats?'],
  ['GET /v1/trust', 404, 'GET /v1/me/trust?'],
  ['GET /tasks', 404, 'GET /v1/tasks/available'],
  ['GET /tasks/available', 404, 'GET /v1/tasks/available?'],
  ['GET /v1/tasks/available/', 404, 'GET /v1/tasks/available'],
  ['GET /v1/available', 404, 'GET /v1/tasks/available?'],
  ['GET /v1/jobs', 404, 'GET /v1/tasks/available?'],
  ['GET /v1/board', 404, 'GET /v1/tasks/available?'],
  ['GET /v1/tasks', 405, 'GET /v1/tasks/mine'],
  ['GET /mine', 404, 'GET /v1/tasks/mine?'],
  ['POST /tasks', 404, 'POST /v1/tasks?'],
  ['POST /v1/tasks/', 405, 'POST /v1/tasks?', text('Do it')],
  ['POST /v1/task', 404, 'POST /v1/tasks?', text('Do it')],
  ['POST /v1/tasks/create', 405, 'POST /v1/tasks?', text('Do it')],
  ['POST /claim', 404, 'POST /v1/tasks/pickup?'],
  ['POST /v1/claim', 404, 'POST /v1/tasks/pickup?'],
  ['POST /v1/tasks/claim', 405, 'POST /v1/tasks/pickup?'],
  ['POST /v1/tasks/next', 405, 'POST /v1/tasks/pickup?'],
  ['POST /pickup', 404, 'POST /v1/tasks/pickup?'],
  ['GET /v1/tasks/pickup', 405, 'use POST'],
  ['POST /v1/tasks/{posted}/claim', 404, 'POST /v1/tasks/{id}/pickup?'],
  ['POST /v1/tasks/{posted}/accept', 404, 'POST /v1/tasks/{id}/pickup?'],
  ['POST /v1/tasks/{claimed}/submit', 404, 'POST /v1/tasks/{id}/deliver?'],
  ['POST /v1/tasks/{claimed}/complete', 404, 'POST /v1/tasks/{id}/deliver?'],
  ['POST /v1/tasks/{claimed}/result', 404, 'POST /v1/tasks/{id}/deliver?'],
  ['POST /v1/tasks/{claimed}/Deliver', 404, 'POST /v1/tasks/{id}/deliver?'],
  ['POST /v1/tasks/{claimed}/deliver/', 404, 'POST /v1/tasks/{id}/deliver?'],
  ['POST /tasks/{claimed}/deliver', 404, 'POST /v1/tasks/{id}/deliver?'],
  ['POST /v1/tasks/{claimed}/release', 404, 'POST /v1/tasks/{id}/abandon?'],
  ['POST /v1/tasks/{claimed}/unclaim', 404, 'POST /v1/tasks/{id}/abandon?'],
  ['POST /v1/tasks/{posted}/delete', 404, 'POST /v1/tasks/{id}/cancel?'],
  ['POST /v1/tasks/{delivered}/confirm', 404, 'POST /v1/tasks/{id}/approve?'],
  ['POST /v1/tasks/{delivered}/rating', 404, 'POST /v1/tasks/{id}/rate?'],
  ['GET /v1/tasks/{claimed}/comments', 404, '/v1/tasks/{id}/messages'],
  ['GET /v1/tasks/{claimed}/status', 404, 'GET /v1/tasks/{id}?'],
  ['DELETE /v1/tasks/{posted}', 405, 'POST /v1/tasks/{id}/cancel'],
  ['PATCH /v1/tasks/{posted}', 405, 'POST /v1/tasks/{id}/cancel'],
  ['PUT /v1/tasks/{posted}', 405, 'POST /v1/tasks/{id}/cancel'],
  ['POST /v1/tasks/{posted}', 405, 'POST /v1/tasks/{id}/pickup'],
  ['GET /v1/tasks/{posted}/pickup', 405, 'use POST'],
  ['PUT /v1/tasks/{claimed}/deliver', 405, 'use POST'],
  ['GET /v1/register', 405, 'use POST'],
  ['POST /register', 404, 'POST /v1/register?', text('me')],
  ['POST /v1/signup', 404, 'POST /v1/register?', text('me')],
  ['POST /v1/agents/register', 405, 'POST /v1/register?', text('me')],
  ['POST /v1/login', 404, 'POST /v1/register?', text('me')],
  ['PUT /v1/me', 405, 'PATCH /v1/me'],
  ['POST /v1/me', 405, 'PATCH /v1/me'],
  ['GET /agents', 404, 'GET /v1/agents?'],
  ['GET /v1/agents/', 404, 'GET /v1/agents'],
  ['GET /events', 404, 'GET /v1/events?'],
  ['GET /v1/stream', 404, 'GET /v1/events?'],
  ['GET /v1/webhooks', 404, 'GET /v1/me/webhook/deliveries?'],
  ['GET /healthz', 404, 'GET /health?'],
  ['GET /ping', 404, 'GET /health?'],
  ['GET /v1/health', 404, 'GET /health?'],
  ['GET /v1', 404, 'GET /v1/capabilities?'],
  ['GET /v1/', 404, 'GET /v1/capabilities?'],
  ['GET /swagger', 404, 'GET /docs?'],
  ['GET /swagger.json', 404, 'GET /openapi.json?'],
  ['GET /v1/openapi.json', 404, 'GET /openapi.json?'],
  ['GET /SKILL.md', 404, 'GET /skill.md?'],
  ['GET /help', 404, 'GET /skill.md?'],
  ['GET /install', 404, 'GET /install.sh?'],
  ['GET /nothing/like/it', 404, 'GET /v1/capabilities'],
  ['GET /%zz', 404, 'Write "%" as %25'],
  ['GET /v1/tasks/%', 404, 'Write "%" as %25'],
];

const bodies: readonly Case[] = [
  ['POST /v1/tasks', 400, 'did you mean max_credits?', text('{"need":"x","credits":5}')],
  ['POST /v1/tasks', 400, 'did you mean max_credits?', text('{"need":"x","budget":5}', json)],
  ['POST /v1/tasks', 400, 'did you mean max_credits?', text('{"need":"x","maxCredits":5}', json)],
  ['POST /v1/tasks', 400, 'did you mean tags?', text('{"need":"x","tag":"a"}', json)],
  ['POST /v1/tasks', 400, 'did you mean deadline_minutes?', text('{"need":"x","deadline":5}', json)],
  ['POST /v1/tasks', 400, 'did you mean need?', text('{"description":"x"}', json)],
  ['POST /v1/tasks', 400, 'did you mean need?', text('{"prompt":"x"}', json)],
  ['POST /v1/tasks', 400, 'did you mean max_credits?', text('need=x&credits=5')],
  ['POST /v1/tasks', 400, 'did you mean max_credits?', text('---\ncredits: 5\n---\nDo it', markdown)],
  ['POST /v1/tasks', 400, '--data-urlencode', text('need=salt & pepper')],
  ['POST /v1/tasks', 400, '--data-binary', text('---\nmax_credits: 5\nDo it')],
  ['POST /v1/tasks', 400, '--data-binary', text('---max_credits: 5---Do it')],
  ['POST /v1/tasks', 400, '--data-binary', text('---\nmax_credits: [5\n---\nDo it')],
  ['POST /v1/tasks', 400, 'not valid JSON', text('{"need": x}')],
  ['POST /v1/tasks', 400, 'text/markdown', text('Do it', json)],
  ['POST /v1/tasks', 400, 'object with named fields', text('["x"]', json)],
  ['POST /v1/tasks', 400, 'need: is required', text('')],
  ['POST /v1/tasks', 400, 'need: is required', text('{}', json)],
  ['POST /v1/tasks', 400, 'need: must not be blank', text('{"need":" \\n"}', json)],
  ['POST /v1/tasks', 400, 'object with named fields', text('[]', json)],
  ['POST /v1/tasks', 400, 'text/markdown', text('[{"need":"x"}]')],
  ['POST /v1/tasks', 400, 'max_credits: must be an integer', text('{"need":"x","max_credits":"5"}', json)],
  ['POST /v1/tasks', 400, 'max_credits: must be an integer', text('{"need":"x","max_credits":-5}', json)],
  ['POST /v1/tasks', 400, 'tags', text('{"need":"x","tags":["two words"]}', json)],
  ['POST /v1/tasks', 402, 'Lower max_credits', { ...text('{"need":"x","max_credits":5000}', json), who: 'worker' }],
  ['POST /v1/tasks', 415, 'application/json', text('--x\r\n', 'multipart/form-data; boundary=x')],
  ['POST /v1/tasks', 415, 'application/json', text('<need>x</need>', 'application/xml')],
  [
    'POST /v1/tasks',
    415,
    'without compression',
    { ...text(gzipSync('x'), json), headers: { 'content-encoding': 'gzip' } },
  ],
  ['POST /v1/tasks', 400, 'compressed (gzip)', text(gzipSync('{"need":"x"}'), json)],
  ['POST /v1/tasks', 400, 'UTF-8', text(Buffer.from([0x61, 0xff]))],
  ['POST /v1/tasks', 413, 'Shorten the texts', text(Buffer.alloc(7_000_000, 'x'))],
  ['POST /v1/tasks', 400, '32 levels', text(`{"x":${'['.repeat(40)}${']'.repeat(40)}}`, json)],
  ['POST /v1/tasks', 400, '10,000 values', text(`{"x":[${'1,'.repeat(20_000)}1]}`, json)],
  ['POST /v1/register', 400, 'name: is required', text('{}', json)],
  ['POST /v1/register', 400, 'name: must not be blank', text('{"name":" \u200b"}', json)],
  ['POST /v1/register', 400, 'pretend', text('{"name":"Operator"}', json)],
  ['POST /v1/me/keys', 400, 'name: must not be blank', text('{"name":"  "}', json)],
  ['POST /v1/admin/agents/ag-000000000000', 400, 'reissue_key', as('admin', '{}')],
  ['POST /v1/register', 400, 'did you mean good_at?', text('{"name":"x","skills":"sums"}', json)],
  ['POST /v1/register', 400, 'did you mean webhook_url?', text('{"name":"x","webhook":"https://x.example"}', json)],
  ['POST /v1/register', 400, 'a UUID', { ...text('x'), headers: { 'idempotency-key': 'short' } }],
  [
    'POST /v1/register',
    400,
    'random key',
    { ...text('x'), headers: { 'idempotency-key': '3f1b6c52-8a57-4c1e-9d43-5b1f0e7a9c21' } },
  ],
  ['PATCH /v1/me', 400, 'did you mean good_at?', text('{"bio":"x"}', json)],
  ['POST /v1/tasks/pickup', 400, '/v1/tasks/{id}/pickup', as('stranger', '{"task_id":"tk-000000000000"}')],
  ['POST /v1/tasks/pickup', 400, 'did you mean tags?', as('stranger', '{"tag":"a"}')],
  ['POST /v1/tasks/pickup', 400, 'tags, search', as('stranger', 'anything for me', form)],
  ['POST /v1/tasks/{posted}/pickup', 400, 'Send no body', as('stranger', 'mine', form)],
  ['POST /v1/tasks/{posted}/cancel', 400, 'Send no body', as('poster', 'why', form)],
  ['POST /v1/tasks/{claimed}/deliver', 400, 'result: is required', as('worker', '')],
  ['POST /v1/tasks/{claimed}/deliver', 400, 'did you mean result?', as('worker', '{"output":"x"}')],
  ['POST /v1/tasks/{claimed}/deliver', 400, 'did you mean result?', as('worker', '{"answer":"x"}')],
  ['POST /v1/tasks/{claimed}/deliver', 400, 'text/markdown', as('worker', '{"total":5}')],
  ['POST /v1/tasks/{claimed}/deliver', 400, 'text/markdown', as('worker', '{"tags":["a"]}')],
  ['POST /v1/tasks/{claimed}/deliver', 400, 'must be text', as('worker', '{"result":{"total":5}}')],
  ['POST /v1/tasks/{delivered}/approve', 400, 'did you mean rating?', as('poster', '{"stars":5}')],
  ['POST /v1/tasks/{delivered}/approve', 400, 'from 1 to 5', as('poster', '{"rating":6}')],
  ['POST /v1/tasks/{delivered}/reject', 400, 'reason: is required', as('poster', '')],
  ['POST /v1/tasks/{approved}/rate', 400, 'rating: must be an integer', as('worker', 'Nice', form)],
  ['GET /v1/tasks/available?tag=a', 400, 'did you mean tags?'],
  ['GET /v1/tasks/available?q=a', 400, 'did you mean search?'],
  ['GET /v1/tasks/available?limit=1000', 400, 'from 1 to 100'],
  ['GET /v1/tasks/available?cursor=x', 400, 'cursor'],
  ['GET /v1/tasks/mine?status=open', 400, 'must be one of posted'],
  ['GET /v1/tasks/mine?role=buyer', 400, 'poster or worker'],
  ['GET /v1/agents?sort_by=best', 400, 'must be one of'],
  ['GET /v1/events/history?types=claimed', 400, 'task_claimed'],
];

const keys: readonly Case[] = [
  ['GET /v1/me', 401, 'POST /v1/register', { who: 'nobody' }],
  ['GET /v1/me', 401, 'POST /v1/register', { who: 'wrong key' }],
  ['POST /v1/tasks', 401, 'POST /v1/register', { ...text('x'), who: 'nobody' }],
  ['GET /v1/me', 401, 'Authorization: Bearer', { who: 'nobody', headers: { authorization: 'Basic eDp5' } }],
  ['GET /v1/me', 401, 'Authorization: Bearer', { who: 'nobody', headers: { 'x-api-key': 'pwk-x' } }],
  ['GET /v1/admin/audit', 403, 'admin key'],
];

const states: readonly Case[] = [
  ['POST /v1/tasks/{posted}/deliver', 403, '/v1/tasks/{posted}/pickup', as('stranger', 'x', form)],
  ['POST /v1/tasks/{posted}/deliver', 403, '/v1/tasks/{posted}/cancel', as('poster', 'x', form)],
  ['POST /v1/tasks/{claimed}/deliver', 403, 'POST /v1/tasks/pickup', as('stranger', 'x', form)],
  ['POST /v1/tasks/{claimed}/pickup', 409, '/v1/tasks/{claimed}/deliver', as('worker')],
  ['POST /v1/tasks/{delivered}/pickup', 409, 'picked this task up already', as('worker')],
  ['POST /v1/tasks/{claimed}/pickup', 409, 'The task is claimed', as('stranger')],
  ['POST /v1/tasks/{claimed}/pickup', 409, 'POST /v1/tasks/pickup', as('stranger')],
  ['POST /v1/tasks/{posted}/pickup', 409, "can't pick up your own task", as('poster')],
  ['POST /v1/tasks/{delivered}/deliver', 409, 'delivered already', as('worker', 'x', form)],
  ['POST /v1/tasks/{delivered}/deliver', 409, 'Wait for the review', as('worker', 'x', form)],
  ['POST /v1/tasks/{approved}/deliver', 409, '/v1/tasks/{approved}/rate', as('worker', 'x', form)],
  ['POST /v1/tasks/{posted}/approve', 409, '/v1/tasks/{posted}/cancel', as('poster')],
  ['POST /v1/tasks/{claimed}/approve', 409, 'wait=60', as('poster')],
  ['POST /v1/tasks/{approved}/approve', 409, 'approved already', as('poster')],
  ['POST /v1/tasks/{rejected}/reject', 409, 'rejected already', as('poster', 'x', form)],
  ['POST /v1/tasks/{claimed}/reject', 409, 'The task is claimed', as('poster', 'x', form)],
  ['POST /v1/tasks/{delivered}/approve', 403, 'Use the key of the agent who posted', as('worker')],
  ['POST /v1/tasks/{claimed}/cancel', 409, 'wait=60', as('poster')],
  ['POST /v1/tasks/{delivered}/cancel', 409, '/v1/tasks/{delivered}/approve', as('poster')],
  ['POST /v1/tasks/{cancelled}/cancel', 409, 'cancelled already', as('poster')],
  ['POST /v1/tasks/{abandoned}/abandon', 409, 'given this task up already', as('worker')],
  ['POST /v1/tasks/{delivered}/abandon', 409, 'Wait for the review', as('worker')],
  ['POST /v1/tasks/{rated}/rate', 409, 'rated this task already', as('worker', '{"rating":5}')],
  ['POST /v1/tasks/{delivered}/rate', 409, 'Wait for the approval', as('worker', '{"rating":5}')],
  ['POST /v1/tasks/{approved}/rate', 403, 'POST /v1/tasks/{id}/approve', as('poster', '{"rating":5}')],
  ['POST /v1/tasks/{posted}/messages', 409, 'claimed, delivered or disputed', as('poster', 'Hi', form)],
  ['POST /v1/tasks/{claimed}/messages', 403, 'poster and its worker', as('stranger', 'Hi', form)],
  ['POST /v1/tasks/{posted}/questions', 409, 'your own task', as('poster', 'Why?', form)],
  ['POST /v1/tasks/{claimed}/questions', 409, 'claimed', as('stranger', 'Why?', form)],
  ['POST /v1/tasks/{claimed}/deliver', 409, 'claim_number', as('worker', '{"result":"x","claim_number":9}')],
  ['GET /v1/tasks/{claimed}', 404, 'GET /v1/tasks/available', as('stranger')],
  ['GET /v1/tasks/{none}', 404, 'GET /v1/tasks/mine', as('stranger')],
  ['GET /v1/tasks/42', 404, 'tk-'],
  ['GET /v1/tasks/search', 404, 'GET /v1/tasks/available'],
  ['GET /v1/agents/ag-000000000000', 404, 'GET /v1/agents'],
  ['POST /v1/me/webhook/test', 409, 'webhook_url'],
];

const cases = [...paths, ...bodies, ...keys, ...states];

const named = cases.map(([request, status, says, row = {}]) => ({ request, status, says, row }));

it('some 150 wrong requests and more are tried', () => {
  expect(cases.length).toBeGreaterThanOrEqual(150);
});

onBothEngines('a wrong request', (engine) => {
  beforeAll(async () => {
    market = await Market.shared(engine);
    [poster, worker, stranger] = [
      await market.register('poster'),
      await market.register('worker'),
      await market.register('stranger'),
    ];
    await market.admin.post('/v1/admin/credits/grant', { agent_id: poster.id, amount: 100_000 });
    const rejected = await deliverTask(poster, worker);
    await poster.post(`/v1/tasks/${rejected}/reject`, { reason: 'No' });
    const approved = await deliverTask(poster, worker);
    await poster.post(`/v1/tasks/${approved}/approve`, { rating: 5 });
    const rated = await deliverTask(poster, worker);
    await poster.post(`/v1/tasks/${rated}/approve`);
    await worker.post(`/v1/tasks/${rated}/rate`, { rating: 5 });
    const cancelled = await postTask(poster);
    await poster.post(`/v1/tasks/${cancelled}/cancel`);
    const abandoned = await claimTask(poster, worker);
    await worker.post(`/v1/tasks/${abandoned}/abandon`);
    ids = {
      posted: await postTask(poster),
      claimed: await claimTask(poster, worker),
      delivered: await deliverTask(poster, worker),
      ...{ rejected, approved, rated, cancelled, abandoned, none: 'tk-000000000000' },
    };
  });
  afterAll(() => market.close());

  it.each(named)('$request is answered $status, and told: $says', async ({ request, status, says, row }) => {
    const fill = (template: string) => template.replace(/\{(\w+)\}/g, (all, name: string) => ids[name] ?? all);
    const [method, path] = request.split(' ') as ['GET', string];
    const { who = 'poster', type, headers = {}, body } = row;
    const agents = { poster, worker, stranger, admin: market.admin, nobody: undefined, 'wrong key': undefined };
    const key = who === 'wrong key' ? 'pwk-wrong' : agents[who]?.key;
    const reply = await market.request({
      method,
      url: fill(path),
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(type === undefined ? {} : { 'content-type': type }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: body }),
    });
    expectError(reply, status);
    // What concerns the form of a request is said of this very call.
    const isOfForm = [400, 413, 415].includes(status);
    expect(reply.body.hint, reply.text).toMatch(isOfForm ? /\S/ : /(GET|POST|PATCH|DELETE) \/|\/v1\//);
    expect(`${reply.body.error} ${reply.body.hint ?? ''}`).toContain(fill(says));
  });
});
