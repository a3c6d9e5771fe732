import { endpoints } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import { listAgents, showAgent } from '../../../verbs/agents/directory.ts';
import type { Context } from '../../../verbs/context.ts';
import { serve } from '../endpoint.ts';
import { agentId } from '../params.ts';

export function directoryRoutes(app: FastifyInstance, ctx: Context): void {
  serve(app, ctx, endpoints.listAgents, ({ call, query }) => listAgents(call, query));
  serve(app, ctx, endpoints.showAgent, async ({ call, params }) => showAgent(call, agentId(params)));
}
