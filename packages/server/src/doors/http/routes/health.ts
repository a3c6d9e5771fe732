import { endpoints } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../../../verbs/context.ts';
import { storageUnavailable } from '../../../ground/errors.ts';
import { serve } from '../endpoint.ts';
import { Readiness } from '../readiness.ts';

export function healthRoutes(app: FastifyInstance, ctx: Context): void {
  // Alive: the process answers.
  serve(app, ctx, endpoints.health, async () => ({ status: 'ok' }));
  // Ready: the storage takes writes. Migrations are done before the server listens.
  const readiness = new Readiness(ctx);
  serve(app, ctx, endpoints.ready, async () => {
    const reason = await readiness.reason();
    if (reason !== undefined) throw storageUnavailable(new Error(reason), { reason });
    return { status: 'ok' };
  });
}
