import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { plainFetch } from '../src/plain-fetch.ts';

const answers: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  '/echo': (request, response) => {
    const { method, headers } = request;
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.setHeader('x-request-id', 'one');
      response.end(JSON.stringify({ method, body, length: headers['content-length'], key: headers.authorization }));
    });
  },
  '/moved': (_, response) => response.writeHead(302, { location: '/echo' }).end(),
  '/stream': (_, response) => response.write('first'),
  '/cut': (_, response) => response.write('half', () => response.destroy()),
};
const server = createServer((request, response) => answers[request.url!]!(request, response));
let url: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

it.each([
  ['GET', undefined, undefined],
  ['POST', undefined, '0'],
  ['POST', 'é', '2'],
  ['DELETE', '{}', '2'],
])('a %s with the text %j says its length', async (method, body, length) => {
  const headers = { authorization: 'Bearer key' };
  const response = await plainFetch(`${url}/echo`, { method, headers, ...(body === undefined ? {} : { body }) });
  expect(response).toMatchObject({ ok: true, status: 200 });
  expect([response.headers.get('X-Request-Id'), response.headers.get('x-nothing')]).toEqual(['one', null]);
  expect(JSON.parse(await response.text())).toEqual({ method, body: body ?? '', length, key: 'Bearer key' });
});

it('a redirect is not followed', async () => {
  const { ok, status, headers } = await plainFetch(`${url}/moved`);
  expect([ok, status, headers.get('location')]).toEqual([false, 302, '/echo']);
});

it('a stream is read as it comes, until its signal ends it', async () => {
  const end = new AbortController();
  const { body } = await plainFetch(`${url}/stream`, { signal: end.signal });
  const reader = body!.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('first');
  end.abort();
  await expect(reader.read()).rejects.toThrow('aborted');
});

it('an answer that ends in the middle is an error', async () => {
  await expect((await plainFetch(`${url}/cut`)).text()).rejects.toMatchObject({ code: 'ECONNRESET' });
});

it('no answer is an error with its reason as the cause', async () => {
  const failed = plainFetch('http://127.0.0.1:1/');
  await expect(failed).rejects.toBeInstanceOf(TypeError);
  await expect(failed).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});
