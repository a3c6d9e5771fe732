import * as replies from '../replies/index.ts';
import * as requests from '../requests.ts';
import { counted, endpoint } from './row.ts';

/** Events: the stream, and looking back. */
export const eventEndpoints = {
  streamEvents: endpoint({
    call: 'events',
    method: 'GET',
    path: '/v1/events',
    auth: 'agent',
    scopes: ['read'],
    query: requests.EventStreamQuery,
    reply: replies.EventMessage,
    isStream: true,
    line: ({ type }) => `Event ${type}.`,
    errors: ['too_many_streams'],
  }),
  listEvents: endpoint({
    call: 'events.history',
    method: 'GET',
    path: '/v1/events/history',
    auth: 'agent',
    scopes: ['read'],
    query: requests.EventHistoryQuery,
    reply: replies.EventHistoryResponse,
    line: ({ events, next }) => `${counted(events.length, 'event')}; read on with after=${next}.`,
  }),
};

const lineOfTest = ({ status, attempts }: replies.DeliveryResponse) => {
  if (status === 'delivered') return 'The webhook took the test.';
  if (status === 'pending') return 'The test is being sent.';
  return `The webhook did not take the test: ${attempts.at(-1)?.error ?? 'it could not be sent'}.`;
};

/** Webhooks: what was sent, and sending it again. */
export const webhookEndpoints = {
  listDeliveries: endpoint({
    call: 'webhook.deliveries',
    method: 'GET',
    path: '/v1/me/webhook/deliveries',
    auth: 'agent',
    scopes: ['read'],
    query: requests.DeliveriesQuery,
    reply: replies.DeliveriesResponse,
    line: ({ deliveries }) => `${counted(deliveries.length, 'delivery', 'deliveries')}.`,
  }),
  redeliver: endpoint({
    call: 'webhook.redeliver',
    method: 'POST',
    path: '/v1/me/webhook/deliveries/:id/redeliver',
    params: { id: 'delivery' },
    auth: 'agent',
    scopes: ['manage'],
    body: requests.NoBody,
    reply: replies.DeliveryResponse,
    headers: { 'X-Task-Id': 'task_id' },
    line: () => 'The delivery is sent again.',
    errors: ['not_found', 'conflict'],
  }),
  testWebhook: endpoint({
    call: 'webhook.test',
    method: 'POST',
    path: '/v1/me/webhook/test',
    auth: 'agent',
    scopes: ['manage'],
    body: requests.NoBody,
    reply: replies.DeliveryResponse,
    line: lineOfTest,
    errors: ['conflict'],
  }),
};
