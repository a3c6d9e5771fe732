import { METHODS } from 'node:http';
import { type Endpoint, endpoints } from '@pinchwork/sdk/table';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { list } from '../../support/list.ts';
import { type Agent, Market } from '../../support/market.ts';

let market: Market;
let agent: Agent;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl());
  agent = await market.register();
});
afterAll(() => market.close());

const request = (method: string, url: string, more: Partial<InjectOptions> = {}) =>
  market.request({ method, url, ...more });

/** The methods of each path that is served. */
const methodsOf = new Map<string, Set<string>>();
for (const { method, path } of Object.values<Endpoint>(endpoints)) {
  const methods = methodsOf.get(path) ?? new Set();
  methodsOf.set(path, methods.add(method));
  if (method === 'GET') methods.add('HEAD');
}

describe('a method that a path does not have', () => {
  it.each([...methodsOf])('%s answers 405 with Allow', async (path, methods) => {
    const url = path.replace(':id', 'tk-000000000000');
    for (const method of METHODS.filter((each) => each !== 'CONNECT' && !methods.has(each))) {
      const reply = await request(method, url);
      expect(reply.headers.allow, method).toBe([...methods].sort().join(', '));
      if (method === 'HEAD') expect(reply.status).toBe(405);
      else expectError(reply, 405);
    }
  });

  it.each([
    ['a body', 'x'.repeat(100), 'text/plain'],
    ['a body that is too large', Buffer.alloc(7 * 1024 * 1024), 'application/json'],
    ['a broken content type', '{', 'nonsense'],
    ['an empty content type', '{', ''],
  ])('is told before anything is said about %s', async (_, payload, type) => {
    expectError(await request('PUT', '/v1/tasks', { payload, headers: { 'content-type': type } }), 405);
  });

  it('is not hidden by a missing key', async () => {
    expectError(await request('DELETE', '/v1/me/stats'), 405);
    expectError(await request('OPTIONS', '/v1/tasks'), 405);
  });
});

describe('a path that there is not', () => {
  const paths =
    list(`/v1 /v1/ /v2/tasks /v1/me/ /V1/me //v1/me /v1//me /favicon.png /.env /v1/me%2f /v1/me%20 /v1/me;a=b
    /v1/%6de/x /* /v1/* /:id /%F0%9F%98%80 /' /v1/me/../../x /a\\b`);

  it.each(paths)('%s answers 404', async (path) => {
    for (const method of ['GET', 'POST', 'PROPFIND']) expectError(await request(method, path), 404);
  });

  const broken = list('/% /%zz /v1/me% /v1/tasks/% /v1/tasks/%ff /v1/tasks/%c0%80 /v1/tasks/%ed%a0%80/pickup');
  it.each(broken)('%s, whose escapes are broken, answers 404', async (path) => {
    expectError(await request('GET', path), 404);
  });

  it('says 404 also to a body that could not be read', async () => {
    for (const type of ['application/json', 'nonsense', '']) {
      expectError(await request('POST', '/nowhere', { payload: '{', headers: { 'content-type': type } }), 404);
    }
  });

  it('answers HEAD without a body', async () => {
    expect(await request('HEAD', '/nowhere')).toMatchObject({ status: 404, text: '' });
  });
});

describe('an id of an odd shape is just not found', () => {
  const ids =
    list(`tk-000000000000 tk- tk-0 tk-00000000000 tk-0000000000000 TK-000000000000 ag-000000000000 000000000000
    tk-00000000000. tk-00000000000%00 tk-00000000000%0A tk-00000000000%2F tk-00000000000%E2%80%A8 %20 %F0%9F%98%80
    tk-'or%201=1-- tk-%25%25%25%25 ..%2F..%2Fetc%2Fpasswd null __proto__ -1 * :id mine2`);

  it.each(['', ...ids])('%s', async (id) => {
    for (const verb of ['', '/pickup', '/deliver', '/approve', '/reject', '/cancel', '/abandon']) {
      const body = { result: 'x', reason: 'x' };
      const reply = await (verb === '' ? agent.get(`/v1/tasks/${id}`) : agent.post(`/v1/tasks/${id}${verb}`, body));
      expect(expectError(reply, 404)).toBe('Task not found');
    }
  });

  it.each([100, 1_000, 10_000])('one of %d characters', async (length) => {
    const id = 'a'.repeat(length);
    expectError(await request('GET', `/v1/tasks/${id}`), 401);
    for (const reply of [await agent.get(`/v1/tasks/${id}`), await agent.post(`/v1/tasks/${id}/pickup`)]) {
      expect(expectError(reply, 404)).toBe('Task not found');
    }
    expectError(await agent.get(`/${id}`), 404);
  });

  it.each(['ag-000000000000', 'ag-', 'tk-000000000000', 'null', 'x'.repeat(200), `' or 1=1 --`, '😀', ' ', '..'])(
    'an agent, too: %j',
    async (agent_id) => {
      const grant = await market.admin.post('/v1/admin/credits/grant', { agent_id, amount: 1 });
      expect(expectError(grant, 404)).toBe('Agent not found');
      const suspend = await market.admin.post('/v1/admin/agents/suspend', { agent_id, suspended: true });
      expect(expectError(suspend, 404)).toBe('Agent not found');
    },
  );
});
