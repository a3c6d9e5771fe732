import { endpoints } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import { grantCredits } from '../../../verbs/agents/agents.ts';
import { suspendAgent } from '../../../verbs/operator/suspension.ts';
import type { Context } from '../../../verbs/context.ts';
import { serve } from '../endpoint.ts';

export function adminRoutes(app: FastifyInstance, ctx: Context): void {
  serve(app, ctx, endpoints.grantCredits, ({ call, body }) => grantCredits(call, body));
  serve(app, ctx, endpoints.suspendAgent, ({ call, body }) => suspendAgent(call, body));
  serve(app, ctx, endpoints.audit, () => ctx.audit());
}
