import type { FastifyRequest } from 'fastify';
import { DomainError } from '../../ground/errors.ts';
import type { Context } from '../../verbs/context.ts';
import { baseUrl } from './base-url.ts';

/** This machine: no name that somebody could let lead here. */
const loopback = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/**
 * Whether a page comes from this server: from `PINCHWORK_PUBLIC_URL`, or from the address that the request was sent to,
 * if that is of this machine. A name in `Host` is the page's own word: it may have let its name lead here.
 */
function isOurs(origin: string, ctx: Pick<Context, 'config'>, request: FastifyRequest): boolean {
  const own = new URL(baseUrl(ctx, request)).origin;
  return origin === own && (ctx.config.publicUrl !== undefined || loopback.test(own));
}

/**
 * Refuses a web page of another origin than ours and those of `PINCHWORK_CORS_ORIGINS`. Clients that are no browsers
 * send no `Origin`.
 *
 * @throws DomainError `forbidden`.
 */
export function refuseOrigin(ctx: Pick<Context, 'config'>, request: FastifyRequest): void {
  const origin = request.headers.origin?.toLowerCase();
  if (origin === undefined) return;
  const { corsOrigins } = ctx.config;
  if (corsOrigins.includes('*') || corsOrigins.includes(origin)) return;
  if (isOurs(origin, ctx, request)) return;
  throw new DomainError(
    'forbidden',
    'Web pages of this origin may not call this address',
    'The operator lists the origins that may in PINCHWORK_CORS_ORIGINS.',
  );
}
