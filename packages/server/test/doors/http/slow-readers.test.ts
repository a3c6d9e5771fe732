import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { answerErrors } from '../../../src/doors/http/errors.ts';
import { boundOutput } from '../../../src/doors/http/output.ts';
import { sendReply } from '../../../src/doors/http/reply.ts';
import { openShares } from '../../../src/rules/limits/shares.ts';
import type { Reply } from '../../support/market.ts';
import { exchange, parseReplies } from '../../support/sockets.ts';
import { until } from '../../support/until.ts';

const mebibyte = 1024 * 1024;
/** More than the operating system buffers for a client that does not read. */
const large = 'x'.repeat(12 * mebibyte);
const largeBytes = large.length;

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

const line = () => 'A reply.';

interface Bounds {
  readonly mostBytes?: number;
  readonly stallMs?: number;
}

/** A server that answers `/large` with 12 MiB, `/small` with a few bytes, and `/poll` when it is told to. */
class Server {
  readonly #app: FastifyInstance;
  /** Answers the last poll. */
  endPoll = (): void => undefined;

  private constructor({ mostBytes, stallMs }: Bounds) {
    const app = fastify({ forceCloseConnections: true });
    this.#app = app;
    answerErrors(app);
    app.addHook('onRequest', async (request, reply) => void reply.header('x-request-id', request.id));
    app.decorateRequest('caller');
    const shares = openShares(mostBytes === undefined ? {} : { reply_bytes: { most: mostBytes } });
    boundOutput(app, { shares, noteRead: () => undefined, ...(stallMs !== undefined && { stallMs }) });
    app.route({
      method: ['GET', 'POST'],
      url: '/large',
      handler: (_request, reply) => sendReply(reply.header('x-task-id', 'tk-1'), 200, { text: large }, line),
    });
    app.get('/small', (_request, reply) => sendReply(reply, 200, { text: 'x' }, line));
    app.get('/poll', async (_request, reply) => {
      await new Promise<void>((resolve) => {
        this.endPoll = resolve;
      });
      return sendReply(reply, 200, { text: 'x' }, line);
    });
  }

  static async open(bounds: Bounds): Promise<Server> {
    const server = new Server(bounds);
    await server.#app.listen({ host: '127.0.0.1', port: 0 });
    opened.push(() => server.#app.close());
    return server;
  }

  get port(): number {
    return (this.#app.server.address() as AddressInfo).port;
  }

  /** One request over a connection of its own, by a client that reads. */
  async ask(line: string): Promise<Reply> {
    return parseReplies(await exchange(this.port, request(line, 'Connection: close')))[0]!;
  }

  /** Requests by a client that reads nothing. Resolves when the first reply has begun to arrive. */
  stall(...lines: string[]): Promise<{ socket: Socket; peer: Socket }> {
    return this.stallFrom('127.0.0.1', ...lines);
  }

  async stallFrom(localAddress: string, ...lines: string[]): Promise<{ socket: Socket; peer: Socket }> {
    const accepted = once(this.#app.server, 'connection');
    const socket = connect({ port: this.port, host: '127.0.0.1', localAddress });
    socket.on('error', () => undefined);
    opened.push(() => socket.destroy());
    const [peer] = (await accepted) as [Socket];
    // Sends all lines at once: the server stops reading a connection whose reply is not read.
    socket.write(lines.map((line) => request(line)).join(''));
    await until(() => peer.writableLength > 0);
    return { socket, peer };
  }
}

const request = (line: string, ...headers: string[]) =>
  `${line} HTTP/1.1\r\n${['Host: pinchwork', 'Accept: application/json', ...headers].join('\r\n')}\r\n\r\n`;

describe('large replies that are not read', () => {
  const bounds = { mostBytes: 2.5 * largeBytes };

  it('make the server refuse further reads, and the refusal contains nothing of the data', async () => {
    const server = await Server.open(bounds);
    const stalled = [await server.stall('GET /large'), await server.stall('GET /large')];
    const refused = await server.ask('GET /large');
    expect(refused).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1', 'content-type': 'application/json; charset=utf-8', vary: 'Accept' },
      body: { code: 'overloaded', request_id: refused.headers['x-request-id'] },
    });
    expect(refused.headers).not.toHaveProperty('x-task-id');
    expect(stalled.map(({ peer }) => peer.destroyed)).toEqual([false, false]);
  });

  it('are cut, the oldest first, when somebody who has less needs the memory', async () => {
    const server = await Server.open(bounds);
    const stalled = [await server.stall('GET /large'), await server.stall('GET /large')];
    const other = await server.stallFrom('127.0.0.2', 'GET /large');
    await until(() => stalled[0]!.peer.destroyed);
    expect([stalled[1]!.peer.destroyed, other.peer.destroyed]).toEqual([false, false]);
  });

  it('keep neither small replies back nor those to requests that changed something', async () => {
    const server = await Server.open(bounds);
    await server.stall('GET /large');
    await server.stall('POST /large');
    expect(await server.ask('GET /small')).toMatchObject({ status: 200 });
    expect(await server.ask('POST /large')).toMatchObject({ status: 200, body: { text: large } });
    expect(await server.ask('GET /large')).toMatchObject({ status: 503 });
  });

  it.each([
    ['alone', [['GET /large'], ['GET /large']]],
    ['one behind the other', [['POST /large', 'POST /large', 'POST /large']]],
  ])('count no more when their connection ends, %s', async (_, connections) => {
    const server = await Server.open(bounds);
    for (let round = 0; round < 2; round++) {
      const stalled: Awaited<ReturnType<Server['stall']>>[] = [];
      for (const lines of connections) stalled.push(await server.stall(...lines));
      await until(async () => (await server.ask('GET /large')).status === 503);
      for (const { socket, peer } of stalled) {
        socket.destroy();
        await until(() => peer.closed);
      }
      expect(await server.ask('GET /large')).toMatchObject({ status: 200 });
    }
  });

  it('count no more when they have been taken', async () => {
    const server = await Server.open({ mostBytes: 1.5 * largeBytes });
    const replies = await exchange(
      server.port,
      ...[request('GET /large'), request('GET /small')],
      request('GET /small', 'Connection: close'),
    );
    expect(parseReplies(replies).map(({ status }) => status)).toEqual([200, 200, 200]);
    for (let i = 0; i < 3; i++) expect(await server.ask('GET /large')).toMatchObject({ status: 200 });
  });
});

describe('a client', () => {
  const stallMs = 300;

  it.each([[['GET /large']], [['POST /large']], [['GET /large', 'GET /poll']]])(
    'that takes nothing of its reply is cut off: %j',
    async (lines) => {
      const server = await Server.open({ stallMs });
      const start = performance.now();
      const { peer } = await server.stall(...lines);
      await until(() => peer.closed);
      expect(performance.now() - start).toBeGreaterThan(stallMs / 2);
    },
  );

  it('is cut off also if it goes on to send', async () => {
    const server = await Server.open({ stallMs });
    const { socket, peer } = await server.stall('GET /large');
    socket.write('GET /small HTTP/1.1\r\nx-slow: ');
    const timer = setInterval(() => socket.write('x'), 10);
    await until(() => peer.closed).finally(() => clearInterval(timer));
  });

  it('that reads slowly gets all of its reply', async () => {
    const server = await Server.open({ stallMs });
    const { socket, peer } = await server.stall('GET /large');
    let received = 0;
    let rests = 0;
    const start = performance.now();
    // It reads a megabyte at a time, because the system makes room for the sender in large steps.
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received < (rests + 1) * mebibyte) return;
      rests++;
      socket.pause();
      setTimeout(() => socket.resume(), stallMs / 4);
    });
    await until(() => received > largeBytes);
    expect(performance.now() - start).toBeGreaterThan(2 * stallMs);
    expect(peer.destroyed).toBe(false);
  });

  it('that waits for a reply, or sends nothing for a while, is not cut off', async () => {
    const server = await Server.open({ stallMs });
    const polled = server.ask('GET /poll');
    const idle = connect(server.port, '127.0.0.1');
    opened.push(() => idle.destroy());
    idle.write(request('GET /small'));
    await once(idle, 'data');
    await sleep(3 * stallMs);
    server.endPoll();
    expect(await polled).toMatchObject({ status: 200 });
    idle.write(request('GET /small'));
    const [chunk] = (await once(idle, 'data')) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1\.1 200 /);
  });
});
