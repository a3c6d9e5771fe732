import { type Endpoint, limitOf } from '@pinchwork/sdk';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hourMs, minuteMs, secondMs } from '../../ground/clock.ts';
import type { RateLimit } from '../../ground/config.ts';
import type { Context } from '../../verbs/context.ts';
import { DomainError } from '../../ground/errors.ts';
import type { Usage } from '../../rules/limits/windows.ts';
import { type Caller, identify } from './auth.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route counts its requests itself; all others count against the sender's address. */
    countsItself?: boolean;
  }
}

/**
 * Identifies the sender of a request and counts the request against its limit, in the order of contract section 1.
 * A request without a valid key counts against its address; once that limit is used up, the answer is 429, not 401.
 */
export async function admit(
  ctx: Context,
  endpoint: Endpoint,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Caller> {
  const caller = await identify(ctx, endpoint.auth, request).catch((error: unknown) => {
    if (isBadKey(error)) enforce(reply, ctx.limits.takeForAddress(request.ip), ctx.clock.now());
    throw error;
  });
  const usage = await take(ctx, endpoint, caller, request.ip);
  enforce(reply, usage, ctx.clock.now());
  return caller;
}

const isBadKey = (error: unknown) =>
  error instanceof DomainError && (error.code === 'unauthorized' || error.code === 'forbidden');

async function take({ limits }: Context, endpoint: Endpoint, caller: Caller, address: string) {
  const name = limitOf(endpoint);
  if (name === 'none') return undefined;
  if (name === 'register') return limits.takeRegistration(address);
  if (caller.kind === 'none') return limits.takeForAddress(address);
  return limits.takeForCaller(name, caller.kind === 'agent' ? caller.agentId : caller.kind);
}

/** Counts what no endpoint counts: documents, pages, unknown paths, wrong methods. */
export function limitAddresses(app: FastifyInstance, ctx: Context): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.countsItself !== true) {
      enforce(reply, ctx.limits.takeForAddress(request.ip), ctx.clock.now());
    }
    done();
  });
}

/**
 * Tells the sender how much is left.
 *
 * @throws DomainError `rate_limited` when nothing is.
 */
function enforce(reply: FastifyReply, usage: Usage | undefined, now: number): void {
  if (usage === undefined) return;
  const { limit, allowed, remaining, endsAt } = usage;
  const seconds = Math.max(1, Math.ceil((endsAt - now) / secondMs));
  reply.headers({
    'ratelimit-limit': limit.count,
    'ratelimit-remaining': remaining,
    'ratelimit-reset': seconds,
    'x-ratelimit-limit': limit.count,
    'x-ratelimit-remaining': remaining,
    'x-ratelimit-reset': Math.ceil(endsAt / secondMs),
  });
  if (allowed) return;
  throw new DomainError(
    'rate_limited',
    `Too many requests: no more than ${limit.count} per ${windowName(limit)} are allowed here`,
    `Wait ${seconds} seconds, then go on; RateLimit-Remaining tells how many are left.`,
    { retryAfterSeconds: seconds },
  );
}

function windowName({ windowMs }: RateLimit): string {
  if (windowMs <= secondMs) return 'second';
  if (windowMs <= minuteMs) return 'minute';
  return windowMs <= hourMs ? 'hour' : 'day';
}
