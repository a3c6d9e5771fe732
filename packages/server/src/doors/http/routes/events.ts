import { endpoints } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../../../verbs/context.ts';
import { listEvents } from '../../../verbs/events.ts';
import { serve } from '../endpoint.ts';
import { lastEventId, sendEvents } from '../sse.ts';

export function eventRoutes(app: FastifyInstance, ctx: Context): void {
  serve(app, ctx, endpoints.streamEvents, async ({ call, request, reply, query: { after, types } }) => {
    const position = lastEventId(request) ?? after;
    sendEvents(reply, await ctx.streams.open(call.agentId, { after: position, types }));
    return null;
  });
  serve(app, ctx, endpoints.listEvents, ({ call, query }) => listEvents(call, query));
}
