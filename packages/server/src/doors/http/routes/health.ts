import { endpoints } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../../../verbs/context.ts';
import { type Params, prepared } from '../../../storage/prepared.ts';
import { serve } from '../endpoint.ts';

const schemaVersion = prepared('schemaVersion', (db, _: Params) => db.selectFrom('meta').select('key').limit(1));

export function healthRoutes(app: FastifyInstance, ctx: Context): void {
  // Alive: the process answers.
  serve(app, ctx, endpoints.health, async () => ({ status: 'ok' }));
  // Ready: the storage answers, with our schema in it. Migrations are done before the server listens.
  serve(app, ctx, endpoints.ready, async () => {
    await ctx.db.first(schemaVersion, {});
    return { status: 'ok' };
  });
}
