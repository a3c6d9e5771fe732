import type { Page, renderPage, Site } from '@pinchwork/web';
import type { FastifyRequest } from 'fastify';
import type { Context } from '../../../verbs/context.ts';
import { baseUrl } from '../base-url.ts';
import { notBuilt, readAssets } from './assets.ts';

type Render = (request: FastifyRequest, page: Page) => string;

/** Renders pages for requests. Loads what it needs with the first page, so that a server without readers does not hold it. */
export class Pages {
  readonly #ctx: Pick<Context, 'config' | 'clock'>;
  #loaded: Promise<{ renderPage: typeof renderPage; assets: Site['assets'] }> | undefined;

  constructor(ctx: Pick<Context, 'config' | 'clock'>) {
    this.#ctx = ctx;
  }

  /** @throws DomainError `not_configured` where the pages were not built */
  async load(): Promise<Render> {
    this.#loaded ??= read().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    const { renderPage, assets } = await this.#loaded;
    const { config, clock } = this.#ctx;
    return (request, page) =>
      renderPage({ origin: baseUrl(this.#ctx, request), isDemo: config.isDemo, now: clock.now(), assets }, page);
  }
}

/** Paths of programs. Their errors have the shape of the contract even where the client says that it takes HTML. */
const forPrograms = /^\/(?:v1|mcp|a2a|health|\.well-known|register|authorize|token)(?:[/?]|$)/;

/** Whether the client is a browser that shows the answer to a person. */
export function wantsPage({ method, url, headers, routeOptions }: FastifyRequest): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  if (routeOptions.config.alwaysJson === true || routeOptions.config.writeRefusal !== undefined) return false;
  return headers.accept?.startsWith('text/html') === true && !forPrograms.test(url);
}

async function read() {
  const assets = await readAssets();
  const { renderPage } = await import('@pinchwork/web').catch(() => {
    throw notBuilt();
  });
  return { renderPage, assets };
}
