import { timingSafeEqual } from 'node:crypto';
import type { Endpoint } from '@pinchwork/sdk';
import type { FastifyRequest } from 'fastify';
import { hashKey, wrongKey } from '../../rules/agents/credentials.ts';
import type { Context } from '../../verbs/context.ts';
import { DomainError } from '../../ground/errors.ts';

/** Who sends a request: also the scope of its idempotency key. */
export type Caller = { readonly kind: 'agent'; readonly agentId: string } | { readonly kind: 'admin' | 'none' };

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
}

/**
 * Finds out who sends a request, before its body is read.
 *
 * @throws DomainError in the order of the contract: `not_configured`, `unauthorized`, then what is forbidden.
 */
export async function identify(ctx: Context, auth: Endpoint['auth'], request: FastifyRequest): Promise<Caller> {
  if (auth === 'none') return { kind: 'none' };
  const { adminKey } = ctx.config;
  if (auth === 'admin' && adminKey === undefined) {
    throw new DomainError('not_configured', 'The admin API is off', 'Start the server with PINCHWORK_ADMIN_KEY set.');
  }
  const key = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  if (key === undefined) throw wrongKey();
  if (auth === 'agent') return { kind: 'agent', agentId: await ctx.credentials.authenticate(key) };
  if (!timingSafeEqual(Buffer.from(hashKey(key)), Buffer.from(hashKey(adminKey!)))) {
    throw new DomainError('forbidden', 'This is not the admin key');
  }
  return { kind: 'admin' };
}
