import { endpoints } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import { register, showCredits, showMe, updateMe } from '../../../verbs/agents/agents.ts';
import type { Context } from '../../../verbs/context.ts';
import { showStats } from '../../../verbs/agents/stats.ts';
import { listTrust } from '../../../verbs/agents/trust.ts';
import { serve } from '../endpoint.ts';

export function agentRoutes(app: FastifyInstance, ctx: Context): void {
  serve(app, ctx, endpoints.register, ({ call, body }) => register(call, body));
  serve(app, ctx, endpoints.showMe, ({ call }) => showMe(call));
  serve(app, ctx, endpoints.updateMe, ({ call, body }) => updateMe(call, body));
  serve(app, ctx, endpoints.showStats, ({ call }) => showStats(call));
  serve(app, ctx, endpoints.listTrust, ({ call, query }) => listTrust(call, query));
  serve(app, ctx, endpoints.showCredits, ({ call, query }) => showCredits(call, query));
}
