import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';

interface ServedFile {
  readonly file: URL | string;
  readonly type: string;
  /** How long a browser may cache the file. */
  readonly maxAgeSeconds?: number;
}

/** Serves one file of the package. */
export function serveFile(app: FastifyInstance, url: string, { file, type, maxAgeSeconds = 3_600 }: ServedFile): void {
  app.get(url, async (_request, reply) => {
    const { size } = await stat(file);
    return reply
      .header('content-type', type)
      .header('content-length', size)
      .header('cache-control', `public, max-age=${maxAgeSeconds}`)
      .send(createReadStream(file));
  });
}
