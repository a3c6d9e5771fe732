import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { eventPosition } from '@pinchwork/sdk';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalid } from '../../ground/errors.ts';
import type { Sink } from '../../rules/events/stream.ts';
import type { OpenStream } from '../../rules/events/streams.ts';

const headers = {
  // Some clients take text without a charset for Latin-1.
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // Proxies must not collect what is meant to arrive at once.
  'x-accel-buffering': 'no',
  // Nothing follows a stream.
  connection: 'close',
};

const position = eventPosition();

/**
 * The position that a client resumes from by itself; an empty one says nothing. It goes before `after`: a browser that
 * reconnects sends both, and the one in the address is where it once began.
 *
 * @throws DomainError `invalid_request` for what no stream has handed out.
 */
export function lastEventId({ headers }: FastifyRequest): string | undefined {
  const given = headers['last-event-id'];
  if (given === undefined || given === '') return undefined;
  const { error } = position.safeParse(given);
  if (error !== undefined) throw invalid(`Last-Event-ID: ${error.issues[0]!.message}`);
  return given as string;
}

/**
 * Answers a request with a stream. It is written past Fastify, which would hold a readable, a pipe and their listeners
 * for each (docs/decisions/0008).
 */
export function sendEvents(reply: FastifyReply, { stream, after, greeting }: OpenStream): void {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { ...(reply.getHeaders() as OutgoingHttpHeaders), ...headers });
  if (reply.request.method === 'HEAD' || raw.destroyed) {
    stream.end();
    raw.end();
    return;
  }
  raw.on('drain', () => stream.drained());
  raw.once('close', () => {
    stream.end();
    // A client that leaves is no error, but the only word of it that Fastify listens to: the request's line comes into the
    // log, and into the metrics, by it.
    if (!raw.writableFinished) raw.emit('error', new Error('The client has left'));
  });
  stream.start(sinkOf(raw), after, greeting);
}

const sinkOf = (raw: ServerResponse): Sink => ({
  write: (text) => raw.write(text),
  end: (cut) => {
    raw.end();
    if (cut) raw.destroy();
  },
});
