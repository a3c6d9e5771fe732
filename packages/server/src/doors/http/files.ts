import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';

/**
 * Serves one file of ours, as it is on disk.
 *
 * @param maxAgeSeconds how long a browser need not ask again.
 */
export function serveFile(
  app: FastifyInstance,
  url: string,
  file: URL | string,
  type: string,
  maxAgeSeconds = 3_600,
): void {
  app.get(url, async (_request, reply) => {
    const { size } = await stat(file);
    return reply
      .header('content-type', type)
      .header('content-length', size)
      .header('cache-control', `public, max-age=${maxAgeSeconds}`)
      .send(createReadStream(file));
  });
}
