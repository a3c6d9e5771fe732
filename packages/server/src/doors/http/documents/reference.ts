import { createRequire } from 'node:module';
import { documents } from '@pinchwork/sdk/table';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../../../verbs/context.ts';
import { baseUrl, cacheDocument } from '../base-url.ts';
import { serveFile } from '../files.ts';

const ours = (name: string) => new URL(`../../../../static/${name}`, import.meta.url);
const { resolve } = createRequire(import.meta.url);
const swaggerUi = (name: string) => resolve(`swagger-ui-dist/${name}`);

/** Routes of the API reference: the OpenAPI document, and the page to read and try it. */
export function referenceRoutes(app: FastifyInstance, ctx: Context): void {
  // Built on first use, so that an idle server does not hold it in memory.
  let document: Promise<(origin: string) => string> | undefined;
  app.get(documents.openapi.path, async (request, reply) => {
    document ??= import('../openapi/document.ts').then(({ openApiDocument }) => {
      const placeholder = 'https://origin.invalid';
      const text = JSON.stringify(openApiDocument(placeholder));
      return (origin: string) => text.replace(JSON.stringify(placeholder), JSON.stringify(origin));
    });
    const text = (await document)(baseUrl(ctx, request));
    return cacheDocument(ctx, reply).header('content-type', 'application/json; charset=utf-8').send(text);
  });
  serveFile(app, documents.docs.path, { file: ours('docs.html'), type: 'text/html; charset=utf-8' });
  serveFile(app, '/docs/start.js', { file: ours('docs.js'), type: 'text/javascript; charset=utf-8' });
  serveFile(app, '/docs/swagger-ui.css', { file: swaggerUi('swagger-ui.css'), type: 'text/css; charset=utf-8' });
  serveFile(app, '/docs/swagger-ui-bundle.js', {
    file: swaggerUi('swagger-ui-bundle.js'),
    type: 'text/javascript; charset=utf-8',
  });
}
