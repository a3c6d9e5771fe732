import { endpoints } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../../../verbs/context.ts';
import { listDeliveries, redeliver, testWebhook } from '../../../verbs/webhooks.ts';
import { serve } from '../endpoint.ts';
import { deliveryId } from '../params.ts';

export function webhookRoutes(app: FastifyInstance, ctx: Context): void {
  serve(app, ctx, endpoints.listDeliveries, ({ call, query }) => listDeliveries(call, query));
  serve(app, ctx, endpoints.redeliver, async ({ call, params }) => redeliver(call, deliveryId(params)));
  serve(app, ctx, endpoints.testWebhook, ({ call }) => testWebhook(call));
}
