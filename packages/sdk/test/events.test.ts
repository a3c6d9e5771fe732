import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Message, MessageParser } from '../src/client/sse.ts';
import { type Options, Pinchwork, type Retry } from '../src/index.ts';
import { testSeed } from '../../server/test/support/random.ts';
import { liveMarket } from './support/market.ts';

const live = liveMarket();

/** A server of streams: each connection gets the next of these. Tells the positions that it was asked for. */
async function streams(...each: ((response: ServerResponse) => void)[]) {
  const positions: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    if (request.url!.startsWith('/v1/events/history')) {
      response.end(JSON.stringify({ newest: 41 }));
      return;
    }
    positions.push(request.headers['last-event-id'] as string);
    response.on('error', () => undefined);
    (each[positions.length - 1] ?? each.at(-1)!)(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connect = (options: Options = {}) => new Pinchwork({ server: url, apiKey: 'pwk-key', ...options });
  return { positions, client: connect(), connect };
}

/** Sends events with these numbers, then breaks the connection. */
const sends =
  (...ids: number[]) =>
  (response: ServerResponse) => {
    const text = ids
      .map((id) => `id: ${id}\nevent: task_message\ndata: {"type":"task_message","task_id":"tk-1"}\n\n`)
      .join('');
    response.write(`retry: 1\n${text}`, () => response.destroy());
  };

async function take(client: Pinchwork, count: number, input = {}) {
  const ids = [];
  for await (const { id } of client.events(input)) if (ids.push(id) === count) break;
  return ids;
}

describe('the stream of events', () => {
  it('brings what happens, with the fields of each type', async () => {
    const [poster, worker] = [await live.agent('poster'), await live.agent('worker')];
    const { task_id } = await poster.tasks.create({ need: 'X', max_credits: 5 });
    await worker.tasks.pickup(task_id);
    const { value } = await poster.events({ after: 0 }).next();
    expect(value).toMatchObject({ id: 1, type: 'task_claimed', task_id, worker_id: worker.id });
    await worker.tasks.deliver(task_id, { result: 'Done' });
    const types = poster.events({ after: 0, types: ['task_delivered'] });
    expect((await types.next()).value).toMatchObject({ id: 2, type: 'task_delivered' });
    await types.return();
  });

  it('is opened again when it breaks, exactly after the last event', async () => {
    const { positions, client } = await streams(sends(42, 43), sends(), sends(44), sends(45));
    expect(await take(client, 4)).toEqual([42, 43, 44, 45]);
    expect(positions).toEqual(['41', '43', '43', '44']);
  });

  it('of the market begins anew with each connection, without a key and without positions', async () => {
    const event = (id: string) => (response: ServerResponse) =>
      void response.write(`retry: 1\ndata: {"type":"task_posted","task_id":"${id}"}\n\n`, () => response.destroy());
    const { positions, client } = await streams(event('tk-1'), event('tk-2'));
    const ids = [];
    for await (const { task_id } of client.market.events()) if (ids.push(task_id) === 2) break;
    expect(ids).toEqual(['tk-1', 'tk-2']);
    expect(positions).toEqual([undefined, undefined]);
  });

  it('goes on after a reset, from the position that the server gives it', async () => {
    const reset = (response: ServerResponse) => {
      const data = '{"type":"reset","task_id":null,"timestamp":"2026-01-15T10:30:00+00:00"}';
      response.write(`retry: 1\nid: 6\nevent: reset\ndata: ${data}\n\n`, () => response.destroy());
    };
    const { positions, client } = await streams(reset, sends(7));
    const types = [];
    for await (const { type } of client.events({ after: 99 })) if (types.push(type) === 2) break;
    expect(types).toEqual(['reset', 'task_message']);
    expect(positions).toEqual(['99', '6']);
  });

  it('outlives a server that is away or busy for a while', async () => {
    const refuse = (status: number) => (response: ServerResponse) =>
      void response.writeHead(status, { 'retry-after': '0' }).end('{"error":"No","code":"overloaded"}');
    const cut = (response: ServerResponse) => void response.destroy();
    const { connect } = await streams(sends(1), cut, refuse(503), refuse(429), sends(2));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    // The pause begins after this call.
    const onRetry = ({ delayMs }: Retry) => void setImmediate(() => vi.advanceTimersByTime(delayMs));
    expect(await take(connect({ onRetry }), 2, { after: 0 })).toEqual([1, 2]);
  });

  it('ends when the server refuses it, at first and later', async () => {
    const refuse = (response: ServerResponse) =>
      void response.writeHead(401).end('{"error":"No","code":"unauthorized"}');
    const refused = { code: 'unauthorized', status: 401 };
    await expect(take((await streams(refuse)).client, 1)).rejects.toMatchObject(refused);
    await expect(take((await streams(sends(1), refuse)).client, 2, { after: 0 })).rejects.toMatchObject(refused);
  });

  it('ends when an event has no number, because it could not go on after it', async () => {
    const numberless = (response: ServerResponse) => {
      response.write('retry: 1\ndata: {"type":"task_message"}\n\n', () => response.destroy());
    };
    const { client, positions } = await streams(numberless);
    await expect(take(client, 1)).rejects.toMatchObject({ code: 'unexpected_reply' });
    expect(positions).toHaveLength(1);
  });

  it('ends with the reason of its signal while it waits', async () => {
    const { client } = await streams((response) => void response.write(': open\n'));
    const end = new AbortController();
    const next = client.events({ after: 0 }, { signal: end.signal }).next();
    end.abort(new Error('Enough'));
    await expect(next).rejects.toThrow('Enough');
  });
});

describe('the parser of server-sent events', () => {
  const messagesOf = (pieces: readonly string[]): Message[] => {
    const parser = new MessageParser();
    return pieces.flatMap((piece) => [...parser.push(piece)]);
  };

  it.each([
    [
      'a comment, a field without a space, and an unknown field',
      ': hi\nid:1\nx: y\ndata:a\n\n',
      [{ id: '1', data: 'a' }],
    ],
    ['several lines of data', 'data: a\ndata\ndata:  b\n\n', [{ id: undefined, data: 'a\n\n b' }]],
    [
      'the id of the message before',
      'id: 1\ndata: a\n\ndata: b\n\n',
      [
        { id: '1', data: 'a' },
        { id: '1', data: 'b' },
      ],
    ],
    ['no message without data, and none that is not complete', 'id: 1\n\ndata: a\n', []],
  ])('reads %s', (_, text, messages) => expect(messagesOf([text])).toEqual(messages));

  it('reads the same wherever the text is cut and however its lines end', () => {
    const text = 'retry: 5\nid: 1\ndata: {"a":\ndata: 1}\n\n: comment\nid: 2\ndata: é😀\n\n\ndata: c\n\n';
    const cuts = fc.array(fc.nat(text.length * 2), { maxLength: 20 });
    fc.assert(
      fc.property(cuts, fc.constantFrom('\n', '\r', '\r\n'), (at, end) => {
        const whole = text.replaceAll('\n', end);
        const edges = [0, ...at.sort((a, b) => a - b), whole.length * 2];
        const pieces = edges.slice(1).map((edge, i) => whole.slice(edges[i], edge));
        expect(messagesOf(pieces)).toEqual(messagesOf([text]));
      }),
      { seed: testSeed },
    );
  });
});
