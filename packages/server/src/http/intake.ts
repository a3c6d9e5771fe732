import { limits } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import { overloaded } from '../errors.ts';
import { mediaType } from './media-type.ts';

/** How many bytes of bodies may be in memory at once. */
const mostBytes = 256 * 1024 * 1024;

/**
 * Takes in bodies whatever their headers say of them, and bounds what they hold in memory: each request reserves the
 * length of its body, or the longest allowed if it does not say, and is turned away when too much is reserved.
 */
export function boundIntake(app: FastifyInstance): void {
  ignoreExpectations(app);
  tolerateContentTypes(app);
  let reserved = 0;
  app.addHook('preParsing', async (request, reply) => {
    const declared = Number(request.headers['content-length']);
    const bytes =
      request.headers['transfer-encoding'] === undefined ? Math.min(declared || 0, limits.bodyBytes) : limits.bodyBytes;
    if (bytes === 0) return;
    if (reserved + bytes > mostBytes) throw overloaded();
    reserved += bytes;
    reply.raw.once('close', () => (reserved -= bytes));
  });
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
