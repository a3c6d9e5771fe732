import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { eventPosition } from '@pinchwork/sdk/table';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { secondMs } from '../../ground/clock.ts';
import { invalid } from '../../ground/errors.ts';
import { at } from '../../ground/present.ts';
import type { Sink } from '../../rules/events/stream.ts';
import type { OpenStream } from '../../rules/events/streams.ts';
import type { OpenMarketStream } from '../../rules/market/stream.ts';

const headers = {
  // Some clients read text without a charset as Latin-1.
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // Proxies must not buffer the stream.
  'x-accel-buffering': 'no',
  // No request can follow a stream on its connection.
  connection: 'close',
};

const position = eventPosition();

/**
 * The position in the `Last-Event-ID` header, from which a client resumes. An empty one is ignored. It takes precedence
 * over `after`: a browser that reconnects sends both, and `after` has the position of its first connection.
 *
 * @throws DomainError `invalid_request` for a value that no stream has sent.
 */
export function lastEventId({ headers }: FastifyRequest): string | undefined {
  const given = headers['last-event-id'];
  if (given === undefined || given === '') return undefined;
  const { error } = position.safeParse(given);
  if (error !== undefined) throw invalid(`Last-Event-ID: ${at(error.issues, 0).message}`);
  // The check lets a text pass only.
  return given as string;
}

/**
 * Answers a request with a stream. Writes to the socket directly, because Fastify would keep a readable, a pipe and
 * their listeners for each stream (docs/decisions/0008).
 *
 * @param noteRead called with the number of bytes of each write.
 */
export function sendEvents(
  reply: FastifyReply,
  { stream, after, greeting }: OpenStream | OpenMarketStream,
  noteRead: (bytes: number) => void,
): void {
  const raw = open(reply);
  if (reply.request.method === 'HEAD' || raw.destroyed) {
    stream.end();
    raw.end();
    return;
  }
  raw.on('drain', () => stream.drained());
  raw.once('close', () => stream.end());
  stream.start(sinkOf(raw, noteRead), after, greeting);
}

/** Takes a reply over, and begins a stream on its socket. */
function open(reply: FastifyReply): ServerResponse {
  reply.hijack();
  const { raw } = reply;
  // Fastify takes the same values as Node, but lists the names of the headers, possibly undefined.
  raw.writeHead(200, { ...(reply.getHeaders() as OutgoingHttpHeaders), ...headers });
  return raw;
}

/** Clients and proxies close a connection that is silent for longer. */
const silenceMs = 15 * secondMs;

/**
 * Answers a request with a stream that ends by itself. While nothing happens, it sends comments, which keep the
 * connection open. A slow client slows the texts down.
 *
 * @param noteRead called with the number of bytes of each write.
 */
export async function sendTexts(
  reply: FastifyReply,
  texts: AsyncIterable<string>,
  noteRead: (bytes: number) => void,
): Promise<FastifyReply> {
  const raw = open(reply);
  const timer = setInterval(() => raw.writableNeedDrain || raw.write(': \n\n'), silenceMs);
  timer.unref();
  try {
    for await (const text of texts) {
      if (raw.destroyed) break;
      noteRead(Buffer.byteLength(text));
      if (!raw.write(text)) await drained(raw);
    }
  } finally {
    clearInterval(timer);
    raw.end();
  }
  return reply;
}

/** Waits until the client has read what was written, or has left. */
const drained = (raw: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      raw.off('drain', done).off('close', done);
      resolve();
    };
    raw.once('drain', done).once('close', done);
    if (raw.destroyed) done();
  });

const sinkOf = (raw: ServerResponse, noteRead: (bytes: number) => void): Sink => ({
  write: (text) => {
    noteRead(Buffer.byteLength(text));
    return raw.write(text);
  },
  end: (cut) => {
    raw.end();
    if (cut) raw.destroy();
  },
});
