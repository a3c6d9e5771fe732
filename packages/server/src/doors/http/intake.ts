import type { FastifyInstance, FastifyRequest } from 'fastify';
import { overloaded } from '../../ground/errors.ts';
import { mediaType } from './media-type.ts';

/** A body up to this length is taken in whatever else is under way: most are far shorter. */
const smallBytes = 64 * 1024;
/** How many bytes of longer bodies may be in memory at once. */
const mostBytes = 256 * 1024 * 1024;

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Lets go of the body and what it reserved, once nobody reads it any more. More than once does no harm. Undefined
     * where nothing is reserved.
     */
    releaseBody: (() => void) | undefined;
  }
}

/**
 * Takes in bodies whatever their headers say of them, and bounds what they hold in memory: a request reserves the
 * length of its body, or the longest allowed if it does not say, and is turned away when too much is reserved. Short
 * bodies are exempt, so that a few slow senders of long ones can't shut out everybody else.
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
    // A reply that waits behind another one on its connection is not told that it has closed.
    socket.once('close', release);
    done();
  });
}

function bodyLength({ headers, routeOptions }: FastifyRequest): number {
  const { bodyLimit } = routeOptions;
  if (headers['transfer-encoding'] !== undefined) return bodyLimit;
  return Math.min(Number(headers['content-length'] ?? 0), bodyLimit);
}

/** Node answers an `Expect` other than `100-continue` by itself, with an empty 417. */
function ignoreExpectations(app: FastifyInstance): void {
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
}

/** Fastify answers 415 to a malformed `Content-Type`; here it counts as none (contract section 1). */
function tolerateContentTypes(app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    const given = headers['content-type'];
    if (given !== undefined) headers['content-type'] = mediaType(given);
    done();
  });
}
