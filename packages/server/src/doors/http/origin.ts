import type { FastifyRequest } from 'fastify';
import { DomainError } from '../../ground/errors.ts';
import type { Context } from '../../verbs/context.ts';
import { baseUrl } from './base-url.ts';

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
  if (origin === new URL(baseUrl(ctx, request)).origin) return;
  throw new DomainError(
    'forbidden',
    'Web pages of this origin may not call this address',
    'The operator lists the origins that may in PINCHWORK_CORS_ORIGINS.',
  );
}
