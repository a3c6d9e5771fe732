import type { FastifyInstance, FastifyRequest } from 'fastify';
import { overloaded } from '../../ground/errors.ts';
import { mediaType } from './media-type.ts';

/** A body up to this length is always accepted. Most are far shorter. */
const smallBytes = 64 * 1024;
/** The largest total of longer bodies in memory at once, in bytes. */
const mostBytes = 256 * 1024 * 1024;

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Releases the body and its reservation when nobody needs it any more. May be called more than once. Undefined:
     * nothing is reserved.
     */
    releaseBody: (() => void) | undefined;
  }
}

/**
 * Accepts bodies of any type and bounds their memory. A request reserves the length of its body, or the largest allowed
 * length when it states none, and is refused when too much is reserved. Short bodies are exempt, so that a few slow
 * senders of long bodies cannot block everybody else.
 */
export function boundIntake(app: FastifyInstance): void {
  ignoreExpectations(app);
  tolerateContentTypes(app);
  app.decorateRequest('releaseBody');
  let reserved = 0;
  app.addHook('preParsing', (request, reply, _payload, done) => {
    const bytes = bodyLength(request);
    if (bytes <= smallBytes) {
      done();
      return;
    }
    if (reserved + bytes > mostBytes) {
      done(overloaded());
      return;
    }
    reserved += bytes;
    const { socket } = request.raw;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      reserved -= bytes;
      request.body = undefined;
      socket.off('close', release);
    };
    request.releaseBody = release;
    reply.raw.once('close', release);
    // A reply queued behind another one on its connection gets no event when the connection closes, so the socket is
    // observed.
    socket.once('close', release);
    done();
  });
}

function bodyLength({ headers, routeOptions }: FastifyRequest): number {
  const { bodyLimit } = routeOptions;
  if (headers['transfer-encoding'] !== undefined) return bodyLimit;
  return Math.min(Number(headers['content-length'] ?? 0), bodyLimit);
}

/** Without this, Node answers an `Expect` other than `100-continue` with an empty 417. */
function ignoreExpectations(app: FastifyInstance): void {
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
}

/**
 * Without this, Fastify answers a malformed `Content-Type` with 415. Contract section 1 says to ignore such a header.
 */
function tolerateContentTypes(app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    const given = headers['content-type'];
    if (given !== undefined) headers['content-type'] = mediaType(given);
    done();
  });
}
