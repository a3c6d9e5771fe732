import type { FastifyInstance, FastifyReply } from 'fastify';
import { secondMs } from '../../ground/clock.ts';
import type { Context } from '../../verbs/context.ts';
import { refusalOf, secondsLeft } from '../admission.ts';
import type { Usage } from '../../rules/limits/windows.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route counts its requests itself. All other routes count against the sender's address. */
    countsItself?: boolean;
  }
}

/** Counts requests that no endpoint counts: documents, pages, unknown paths, wrong methods. */
export function limitAddresses(app: FastifyInstance, ctx: Context): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.countsItself !== true) {
      const usage = ctx.limits.takeForAddress(request.ip);
      const now = ctx.clock.now();
      tellUsage(reply, usage, now);
      const refusal = refusalOf(usage, now);
      if (refusal !== undefined) throw refusal;
    }
    done();
  });
}

/** Sets the headers that show how much of the limit is left, when a limit applies. */
export function tellUsage(reply: FastifyReply, usage: Usage | undefined, now: number): void {
  if (usage === undefined) return;
  const { limit, remaining, endsAt } = usage;
  reply.headers({
    'ratelimit-limit': limit.count,
    'ratelimit-remaining': remaining,
    'ratelimit-reset': secondsLeft(usage, now),
    'x-ratelimit-limit': limit.count,
    'x-ratelimit-remaining': remaining,
    'x-ratelimit-reset': Math.ceil(endsAt / secondMs),
  });
}
