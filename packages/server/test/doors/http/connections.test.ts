import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market, type Reply } from '../../support/market.ts';
import { exchange, parseReplies } from '../../support/sockets.ts';
import { readTables } from '../../support/tables.ts';

let market: Market;
let port: number;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl());
  await market.app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = market.app.server.address() as AddressInfo);
});
afterAll(() => market.close());

const talk = async (...chunks: (string | Buffer)[]): Promise<Reply[]> => parseReplies(await exchange(port, ...chunks));

const request = (line: string, headers: string[] = []) =>
  `${line} HTTP/1.1\r\n${['Host: pinchwork', ...headers].map((header) => `${header}\r\n`).join('')}\r\n`;
const json = 'Accept: application/json';
const close = 'Connection: close';
const register = (...headers: string[]) => request('POST /v1/register', [json, ...headers]);

describe('input that is not HTTP gets one JSON error with X-Request-Id, and the connection is closed:', () => {
  const broken: [string, string | Buffer][] = [
    ['words', 'hello\r\n\r\n'],
    ['a TLS greeting', Buffer.from('16030100c8010000c40303', 'hex')],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a method that nobody knows', request('FROB /health')],
    ['a version that nobody knows', 'GET /health HTTP/7.3\r\n\r\n'],
    ['no path', 'GET HTTP/1.1\r\n\r\n'],
    ['a space in the path', request('GET /v1/tasks/a b')],
    ['a header without a colon', request('GET /health', ['nonsense'])],
    ['a space in the name of a header', request('GET /health', ['a b: c'])],
    ['a NUL in a header', request('GET /health', ['a: b\0c'])],
    ['a length that is no number', register('Content-Length: many')],
    ['a negative length', register('Content-Length: -1')],
    ['two lengths', register('Content-Length: 1', 'Content-Length: 2')],
    ['a length and chunks', register('Content-Length: 2', 'Transfer-Encoding: chunked')],
    ['an encoding that nobody knows', register('Transfer-Encoding: gzip')],
    ['a chunk without a length', `${register('Transfer-Encoding: chunked')}zz\r\n`],
    ['a chunk with a very long extension', `${register('Transfer-Encoding: chunked')}1;${'a'.repeat(20_000)}\r\n`],
    ['no Host', `POST /v1/register HTTP/1.1\r\n${json}\r\n${close}\r\n\r\n`],
    ['a proxy request', request('CONNECT example.com:443')],
  ];

  it.each(broken)('%s', async (_, bytes) => {
    const [reply, ...more] = await talk(bytes);
    expectError(reply!, 400);
    expect(reply!.headers.connection).toBe('close');
    expect(more).toEqual([]);
  });

  const large: [string, string][] = [
    ['a header of 20,000 characters', request('GET /health', [`x: ${'x'.repeat(20_000)}`])],
    [
      '2,000 headers',
      request(
        'GET /health',
        Array.from({ length: 2_000 }, (_, i) => `x${i}: ${i}`),
      ),
    ],
    ['a path of 20,000 characters', request(`GET /${'x'.repeat(20_000)}`)],
  ];

  it.each(large)('%s: 431', async (_, bytes) => {
    const [reply] = await talk(bytes);
    expect(expectError(reply!, 431)).toBe('The request headers are too large');
  });
});

describe('a request that is odd, but HTTP, is answered as any other:', () => {
  it.each([
    ['an expectation that nobody knows', register('Expect: tea', 'Content-Length: 2', close), '{}'],
    ['HTTP/1.0', `POST /v1/register HTTP/1.0\r\n${json}\r\nContent-Length: 2\r\n\r\n`, '{}'],
    ['an upgrade', register('Connection: Upgrade', 'Upgrade: h2c', 'Content-Length: 2', close), '{}'],
    ['a body in chunks', register('Transfer-Encoding: chunked', close), '1\r\n{\r\n1\r\n}\r\n0\r\n\r\n'],
    ['a path with a host', request('POST http://elsewhere/v1/register', [json, 'Content-Length: 2', close]), '{}'],
    ['no body', register(close), ''],
  ])('%s', async (_, head, body) => {
    const [reply, ...more] = await talk(head, body);
    expect(expectError(reply!, 400)).toBe('name: is required');
    expect(more).toEqual([]);
  });

  it('a client that waits to be asked for the body', async () => {
    const reply = await exchange(port, register('Expect: 100-continue', 'Content-Length: 2', close), '{}');
    expect(reply).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 400 /);
  });
});

const bytes = 7 * 1024 * 1024;
const body = Buffer.alloc(bytes, ' ');
const chunked = [`${bytes.toString(16)}\r\n`, body, '\r\n0\r\n\r\n'];

describe('a body that is too large', () => {
  it.each([
    ['declared', [register(`Content-Length: ${bytes}`), body]],
    ['in chunks', [register('Transfer-Encoding: chunked'), ...chunked]],
  ])('%s, is answered 413 to the end, and the connection goes on', async (_, first) => {
    const [reply, next] = await talk(...first, request('GET /health', [close]));
    expectError(reply!, 413);
    expect(next).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it('does not hide the error of a wrong method or a missing key', async () => {
    const large = [json, `Content-Length: ${bytes}`];
    const [method, key] = await talk(
      ...[request('PUT /v1/register', large), body],
      ...[request('POST /v1/tasks', large), body],
      request('GET /health', [close]),
    );
    expectError(method!, 405);
    expectError(key!, 401);
  });
});

describe('a slow sender', () => {
  it('is told 408 and cut off, also behind a body that is too large', async () => {
    // The interval of the server's checks is fixed; the time limit of a request is configurable.
    market.app.server.headersTimeout = 100;
    market.app.server.requestTimeout = 100;
    const slow = [
      ['GET /health HTTP/1.1\r\nHost: pinch'],
      [`${register('Content-Length: 20')}{"name": `],
      [register('Content-Length: 100000000'), body.subarray(0, 100_000)],
      [register('Transfer-Encoding: chunked'), chunked[0]!, body.subarray(0, 100_000)],
    ];
    for (const replies of await Promise.all(slow.map((chunks) => talk(...chunks)))) {
      const last = replies.at(-1)!;
      expect(expectError(last, 408)).toBe('The request took too long to arrive');
      expect(last.headers.connection).toBe('close');
    }
  });
});

describe('a sender that disconnects', () => {
  it('in the middle of a body changes nothing', async () => {
    const before = await readTables(market.url);
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const gone = once(market.app.server, 'request').then(([{ socket: peer }]) => once(peer, 'close'));
    socket.write(`${register('Content-Length: 100')}{"name": "Ada"}`);
    await once(market.app.server, 'request');
    socket.destroy();
    await gone;
    expect(await readTables(market.url)).toEqual(before);
    expect((await market.request({ method: 'GET', url: '/health' })).status).toBe(200);
  });
});

it('a connection is kept longer than any proxy in front of the server keeps it, or as long as the setting says', async () => {
  const announced = async (to: number) =>
    parseReplies(await exchange(to, request('GET /health'), request('GET /health', [close])))[0]!.headers['keep-alive'];
  // The longest of the clouds' balancers keeps an idle connection 600 s.
  expect(await announced(port)).toBe('timeout=650');
  const other = await Market.open(await sqlite.marketUrl(), { PINCHWORK_KEEP_ALIVE_SECONDS: '5' });
  await other.app.listen({ host: '127.0.0.1', port: 0 });
  expect(await announced((other.app.server.address() as AddressInfo).port)).toBe('timeout=5');
  await other.close();
});
