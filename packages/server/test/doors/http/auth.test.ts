import { endpoints } from '@pinchwork/sdk/table';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, adminKey, Market, postTask } from '../../support/market.ts';
import { assemble, type Cast, type ExampleName, exampleNames, examples, send } from '../../support/requests.ts';

let cast: Cast;
let market: Market;
let suspended: Agent;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl());
  cast = await assemble(market);
  suspended = await market.register('suspended');
  await market.admin.post('/v1/admin/agents/suspend', { agent_id: suspended.id, suspended: true });
});
afterAll(() => market.close());

/** A well-formed key that belongs to no agent. */
const strangersKey = () => `pwk-${'0'.repeat(55)}`;

const withAuthorization = (value: string | undefined, url = '/v1/me') =>
  market.request({ method: 'GET', url, headers: value === undefined ? {} : { authorization: value } });

describe('Authorization', () => {
  it.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])('takes "%s" and a key', async (scheme) => {
    for (const value of [`${scheme} ${cast.poster.key}`, `${scheme}   ${cast.poster.key}  `]) {
      expect((await withAuthorization(value)).body.id).toBe(cast.poster.id);
    }
  });

  const wrong: [string, (key: string) => string | undefined][] = [
    ['nothing', () => undefined],
    ['an empty header', () => ''],
    ['the scheme alone', () => 'Bearer'],
    ['the scheme and a space', () => 'Bearer '],
    ['the key alone', (key) => key],
    ['another scheme', (key) => `Basic ${key}`],
    ['Basic, with the key as password', (key) => `Basic ${Buffer.from(`:${key}`).toString('base64')}`],
    ['a scheme that runs on', (key) => `Bearers ${key}`],
    ['no space after the scheme', (key) => `Bearer${key}`],
    ['a colon after the scheme', (key) => `Bearer: ${key}`],
    ['two keys', (key) => `Bearer ${key} ${key}`],
    ['two keys with a comma', (key) => `Bearer ${key}, Bearer ${key}`],
    ['a key in quotes', (key) => `Bearer "${key}"`],
    ['a key of nobody', () => `Bearer ${strangersKey()}`],
    ['a key cut short', (key) => `Bearer ${key.slice(0, -1)}`],
    ['a key with one character more', (key) => `Bearer ${key}0`],
    ['the public part of a key with another secret', (key) => `Bearer ${key.slice(0, 16)}${'0'.repeat(43)}`],
    ['a key in upper case', (key) => `Bearer ${key.toUpperCase()}`],
    ['a key without its prefix', (key) => `Bearer ${key.slice(4)}`],
    ['an agent id', () => `Bearer ${cast.poster.id}`],
    ['the admin key', () => `Bearer ${adminKey}`],
    ['a very long key', () => `Bearer ${'a'.repeat(10_000)}`],
    ['characters that are no ASCII', () => 'Bearer pwk-ÿþ'],
  ];

  it.each(wrong)('answers 401 to %s', async (_, value) => {
    const reply = await withAuthorization(value(cast.poster.key));
    expect(expectError(reply, 401)).toBe('Missing or unknown API key');
    expect(reply.body.hint).toContain('/v1/register');
  });

  it('answers 403 "Agent suspended" to the key of a suspended agent', async () => {
    const reply = await suspended.get('/v1/me');
    expect(expectError(reply, 403)).toBe('Agent suspended');
    expect(reply.body.hint).toContain('/terms');
  });

  it('never repeats a key', async () => {
    for (const key of [strangersKey(), suspended.key]) {
      expect((await withAuthorization(`Bearer ${key}`)).text).not.toContain(key);
    }
  });

  it('is optional where the contract requires no key', async () => {
    for (const value of [undefined, 'nonsense', `Bearer ${strangersKey()}`, `Bearer ${suspended.key}`]) {
      expect((await withAuthorization(value, '/health')).status).toBe(200);
      expect((await withAuthorization(value, '/health/ready')).status).toBe(200);
    }
  });
});

describe('the admin API', () => {
  const grant = (key: string | undefined, to: Market = market) =>
    to.request({
      method: 'POST',
      url: '/v1/admin/credits/grant',
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      payload: JSON.stringify({ agent_id: cast.bystander.id, amount: 1 }),
    });

  it('takes the admin key', async () => expect((await grant(adminKey)).status).toBe(200));
  it('answers 401 to no key', async () => void expectError(await grant(undefined), 401));
  it.each(['x', adminKey.toUpperCase(), `${adminKey}x`, adminKey.slice(0, -1), strangersKey()])(
    'answers 403 to a wrong key: %s',
    async (key) => void expectError(await grant(key), 403),
  );
  it("answers 403 to an agent's key", async () => {
    expectError(await grant(cast.poster.key), 403);
    expectError(await grant(suspended.key), 403);
  });

  it('answers 501 to everybody when it is not configured', async () => {
    const off = await Market.fresh(sqlite, { PINCHWORK_ADMIN_KEY: '' });
    for (const key of [undefined, adminKey, '', cast.poster.key]) {
      const reply = await grant(key, off);
      expectError(reply, 501);
      expect(reply.body.hint).toContain('PINCHWORK_ADMIN_KEY');
    }
    expectError(await off.request({ method: 'GET', url: '/v1/admin/audit' }), 501);
  });
});

describe('a request with several errors gets only the first one:', () => {
  const tooLarge = Buffer.alloc(7 * 1024 * 1024, ' ');
  const agentsOwn = exampleNames.filter((name) => endpoints[name].auth === 'agent');

  it.each(agentsOwn)('%s: no key (401), a suspended agent (403), the body (413, 400)', async (name) => {
    const to = await examples[name].aim(cast);
    const as = (authorization: string, payload: string | Buffer) =>
      send(market, { ...to, headers: { authorization } }, payload, 'application/json');
    for (const payload of [tooLarge, '{']) {
      expectError(await as('', payload), 401);
      expectError(await as(`Bearer ${suspended.key}`, payload), 403);
    }
    expectError(await as(to.headers.authorization!, tooLarge), 413);
    expectError(await as(to.headers.authorization!, '{'), 400);
  });

  it.each(['grantCredits', 'suspendAgent'] as const)(
    '%s: not configured (501), no key (401), a wrong key (403), the body',
    async (name) => {
      const { url, method, headers } = await examples[name].aim(cast);
      const as = (authorization: string, payload: string | Buffer, at = market) =>
        send(at, { url, method, headers: { authorization } }, payload, 'application/json');
      const off = await Market.fresh(sqlite, { PINCHWORK_ADMIN_KEY: '' });
      for (const payload of [tooLarge, '{']) {
        expectError(await as('', payload, off), 501);
        expectError(await as('', payload), 401);
        expectError(await as('Bearer wrong', payload), 403);
      }
      expectError(await as(headers.authorization!, tooLarge), 413);
      expectError(await as(headers.authorization!, '{'), 400);
    },
  );

  /** The verbs on one task. */
  const verbs: ExampleName[] = ['pickup', 'deliver', 'approve', 'reject', 'cancel', 'abandon'];

  it.each(verbs)('%s: the body (400), the task (404), whose it is or its state (403, 409)', async (name) => {
    const to = await examples[name].aim(cast);
    const stranger = { authorization: `Bearer ${(await market.register('stranger')).key}` };
    const nowhere = to.url.replace(/tk-\w+/, 'tk-000000000000');
    const good = JSON.stringify(examples[name].body(cast));
    expectError(await send(market, { ...to, url: nowhere, headers: stranger }, '{', 'application/json'), 400);
    expectError(await send(market, { ...to, url: nowhere, headers: stranger }, good, 'application/json'), 404);
    expectError(await send(market, { ...to, headers: stranger }, '{', 'application/json'), 400);
    if (name === 'pickup') return;
    expectError(await send(market, { ...to, headers: stranger }, good, 'application/json'), 403);
  });

  it('create: the body (400), then the credits (402)', async () => {
    const poor = await market.register('poor');
    const before = await market.balanceOf(poor);
    expectError(await poor.post('/v1/tasks', { need: '', max_credits: 1_000 }), 400);
    expectError(await poor.post('/v1/tasks', { need: 'x', max_credits: 1_000 }), 402);
    expect(await market.balanceOf(poor)).toBe(before);
  });

  it("another agent's task answers 404, also to agents that may pick it up", async () => {
    const id = await postTask(cast.poster);
    expect(expectError(await cast.worker.get(`/v1/tasks/${id}`), 404)).toBe('Task not found');
  });
});
