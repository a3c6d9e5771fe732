import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Options, Pinchwork, type Retry } from '../src/index.ts';

/** A server that answers as the test says, and remembers what it was asked. */
const asked: IncomingMessage[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => void asked.splice(0));

const json = (response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
/** Answers each request with the next of these, and with the last from then on. */
const answers = (...each: ((response: ServerResponse) => void)[]) => {
  let next = 0;
  answer = (_, response) => each[Math.min(next++, each.length - 1)]!(response);
};
const refuse =
  (status: number, code: string, headers = {}) =>
  (response: ServerResponse) =>
    json(response, status, { error: 'No', code }, headers);
const accept = (response: ServerResponse) => json(response, 200, { status: 'ok' });
const cut = (response: ServerResponse) => void response.destroy();

const retries: Retry[] = [];
const client = (options: Options = {}) =>
  new Pinchwork({ server: url, apiKey: 'pwk-key', onRetry: (retry) => retries.push(retry), ...options });
/** A client that takes its pauses, without their time. */
function hurried(): Pinchwork {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  return client({
    onRetry: (retry) => {
      retries.push(retry);
      // The pause begins after this call.
      setImmediate(() => vi.advanceTimersByTime(retry.delayMs));
    },
  });
}
const failure = (call: PromiseLike<unknown>) =>
  call.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );

describe('a call', () => {
  it.each([
    ['a broken connection', cut],
    ['408', refuse(408, 'request_timeout')],
    ['429 with Retry-After', refuse(429, 'rate_limited', { 'retry-after': '0' })],
    ['500', refuse(500, 'internal_error')],
    ['503', refuse(503, 'overloaded')],
    ['the page of a proxy', (response: ServerResponse) => void response.writeHead(502).end('<html>Bad gateway')],
  ])('is repeated after %s, and a write with the same key', async (_, fail) => {
    answers(fail, accept);
    expect(await hurried().tasks.create({ need: 'X' })).toEqual({ status: 'ok' });
    const keys = asked.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(2);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(keys[1]).toBe(keys[0]);
  });

  it('has a key of its own each time, or the one that it is given', async () => {
    answers(accept);
    const { tasks } = client();
    await tasks.create({ need: 'X' });
    await tasks.create({ need: 'X' });
    await tasks.create({ need: 'X' }, { idempotencyKey: 'my key' });
    const [first, second, third] = asked.map(({ headers }) => headers['idempotency-key']);
    expect(first).not.toBe(second);
    expect(third).toBe('my key');
  });

  it('is tried three times in all, or as often as it is told', async () => {
    answers(cut);
    const { me } = hurried();
    expect(await failure(me.get())).toMatchObject({ code: 'network_error', status: undefined });
    expect(asked).toHaveLength(3);
    await failure(me.get({}, { maxRetries: 0 }));
    expect(asked).toHaveLength(4);
  });

  it.each([
    ['400', refuse(400, 'invalid_request')],
    ['401', refuse(401, 'unauthorized')],
    ['409', refuse(409, 'conflict')],
    ['a limit that no time lifts', refuse(429, 'too_many_claims')],
    ['a Retry-After of over a minute', refuse(429, 'rate_limited', { 'retry-after': '61' })],
  ])('fails at once after %s', async (_, fail) => {
    answers(fail);
    await failure(client().tasks.create({ need: 'X' }));
    expect(asked).toHaveLength(1);
  });

  it('that deletes is not repeated when it may have happened, and is when nothing was changed', async () => {
    answers(cut);
    await failure(client().keys.revoke('ky-1'));
    expect(asked).toHaveLength(1);
    answers(refuse(503, 'overloaded'), accept);
    await client().keys.revoke('ky-1');
    expect(asked).toHaveLength(3);
  });

  it('waits as long as Retry-After says, and tells what it waits for', async () => {
    answers(refuse(429, 'rate_limited', { 'retry-after': '1' }), accept);
    retries.splice(0);
    await hurried().me.get();
    expect(retries).toMatchObject([{ attempt: 1, method: 'GET', url: `${url}/v1/me`, error: { retryAfter: 1 } }]);
    expect(retries[0]!.delayMs).toBeGreaterThanOrEqual(1_000);
    expect(retries[0]!.delayMs).toBeLessThanOrEqual(2_000);
  });

  it('reads a date in Retry-After', async () => {
    answers(refuse(429, 'rate_limited', { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() }));
    const { retryAfter } = (await failure(client().me.get())) as { retryAfter: number };
    expect(retryAfter).toBeGreaterThan(3_000);
    expect(retryAfter).toBeLessThanOrEqual(3_600);
  });

  it('ends with a timeout when no whole answer comes in time', async () => {
    for (const held of [() => undefined, (response: ServerResponse) => void response.writeHead(200).write('{')]) {
      answers(held);
      const error = await failure(client({ timeoutMs: 30, maxRetries: 0 }).me.get());
      expect(error).toMatchObject({ code: 'timeout', message: `${url} did not answer within 0.03 s` });
    }
  });

  it('lets the server hold an answer for as long as it was asked to', async () => {
    answer = (_, response) => void setTimeout(() => accept(response), 100);
    expect(await client({ timeoutMs: 20, maxRetries: 0 }).tasks.get('tk-1', { wait: 60 })).toEqual({ status: 'ok' });
  });

  it('ends with the reason of its signal, before it is sent, during it and between two attempts', async () => {
    const reason = new Error('Enough');
    const early = AbortSignal.abort(reason);
    expect(await failure(client().me.get({}, { signal: early }))).toBe(reason);
    expect(asked).toHaveLength(0);
    const during = new AbortController();
    answer = () => during.abort(reason);
    expect(await failure(client().me.get({}, { signal: during.signal }))).toBe(reason);
    const between = new AbortController();
    answers(refuse(500, 'internal_error'));
    const onRetry = () => between.abort(reason);
    expect(await failure(client({ onRetry }).me.get({}, { signal: between.signal }))).toBe(reason);
    expect(asked).toHaveLength(2);
  });

  it.each([301, 302, 303, 307, 308])('follows no redirect (%d), so the key goes nowhere else', async (status) => {
    answers((response) => void response.writeHead(status, { location: `${url}/elsewhere` }).end());
    expect(await failure(client().me.get())).toMatchObject({
      code: 'redirected',
      status,
      message: `${url} redirects to ${url}/elsewhere`,
    });
    expect(asked).toHaveLength(1);
  });

  it('sends no key where none is needed, and none without a key', async () => {
    answers(accept);
    await client().agents.get('ag-1');
    await client().health.live();
    expect(asked.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
    expect(await failure(client().admin.audit())).toMatchObject({
      code: 'no_key',
      hint: expect.stringContaining('PINCHWORK_ADMIN_KEY'),
    });
    expect(asked).toHaveLength(2);
  });

  it.each(['not JSON', '"text"', ''])('refuses the reply %j, which no server of ours gives', async (reply) => {
    answers((response) => void response.writeHead(200).end(reply));
    expect(await failure(client().me.get())).toMatchObject({ code: 'unexpected_reply', status: 200 });
    expect(asked).toHaveLength(1);
  });

  it('names the server and the reason when it can’t be reached', async () => {
    const error = await failure(client({ server: 'http://127.0.0.1:2', maxRetries: 0 }).me.get());
    expect(error).toMatchObject({
      code: 'network_error',
      message: 'Could not reach http://127.0.0.1:2: connect ECONNREFUSED 127.0.0.1:2',
    });
  });
});

describe('the address of a server', () => {
  it.each([
    'market.example',
    'ftp://market.example',
    'https://user:secret@market.example',
    'https://market.example?a=b',
    '',
  ])('is not %j', (address) => {
    expect(() => client({ server: address })).toThrow(TypeError);
    expect(() => client({ server: address })).not.toThrow(/secret/);
  });

  it('comes from the environment, as the keys do, unless an option says otherwise', async () => {
    answers(accept);
    const before = { ...process.env };
    Object.assign(process.env, { PINCHWORK_SERVER: `${url}/below/`, PINCHWORK_API_KEY: 'pwk-of-the-environment' });
    const fromEnvironment = new Pinchwork();
    const without = new Pinchwork({ apiKey: '' });
    process.env = before;
    await expect(without.me.get()).rejects.toMatchObject({ code: 'no_key' });
    await fromEnvironment.me.get();
    expect(asked[0]).toMatchObject({
      url: '/below/v1/me',
      headers: { authorization: 'Bearer pwk-of-the-environment' },
    });
    expect(new Pinchwork().server).toBe('http://127.0.0.1:8000');
  });
});
