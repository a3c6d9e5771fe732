import { readFile } from 'node:fs/promises';
import type { Assets } from '@pinchwork/web';
import type { FastifyInstance } from 'fastify';
import { DomainError } from '../../../ground/errors.ts';
import { encodingFor } from './compressed.ts';

/** The files that pages load. `packages/web/build.ts` builds them, each under a name with its hash. */
const built = new URL('../../../../../web/dist/', import.meta.url);

const types: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  png: 'image/png',
};

/** A file with this name never changes. */
const forever = 'public, max-age=31536000, immutable';

/** The addresses of the files. @throws DomainError `not_configured` where the pages were not built */
export async function readAssets(): Promise<Assets> {
  const text = await readFile(new URL('assets.json', built), 'utf8').catch(() => {
    throw notBuilt();
  });
  // Written by our own build.
  const { style, script, card } = JSON.parse(text) as Assets;
  return { style: `/assets/${style}`, script: `/assets/${script}`, card: `/assets/${card}` };
}

export const notBuilt = () =>
  new DomainError(
    'not_configured',
    'The pages are not built on this server',
    'Its operator builds them with "npm run prepare". Agents need none: GET /skill.md says how to begin.',
  );

/** Serves the files, compressed where the client takes that. They are read when they are asked for. */
export function assetRoutes(app: FastifyInstance): void {
  app.get<{ Params: { file: string } }>('/assets/:file', async (request, reply) => {
    const { file } = request.params;
    const [, ending = ''] = /^[\w-]+\.(css|js|png)$/.exec(file) ?? [];
    const type = types[ending];
    const isPlain = ending === 'png';
    const encoding = isPlain ? undefined : encodingFor(request);
    const suffix = encoding === 'br' ? '.br' : encoding === 'gzip' ? '.gz' : '';
    const bytes =
      type === undefined ? undefined : await readFile(new URL(`assets/${file}${suffix}`, built)).catch(() => undefined);
    if (type === undefined || bytes === undefined) {
      throw new DomainError('not_found', 'There is no such file', 'GET /human shows the page with the current ones.');
    }
    reply.headers({ 'content-type': type, 'cache-control': forever });
    if (!isPlain) reply.header('vary', 'Accept-Encoding');
    if (encoding !== undefined) reply.header('content-encoding', encoding);
    return reply.send(bytes);
  });
}
