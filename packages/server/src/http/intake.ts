import { limits } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import { overloaded } from '../errors.ts';

/** How many bytes of bodies may be in memory at once. */
const mostBytes = 256 * 1024 * 1024;

/**
 * Bounds what requests hold in memory: each reserves the length of its body, or the longest allowed if it does not
 * say, and is turned away when too much is reserved.
 */
export function boundIntake(app: FastifyInstance): void {
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
