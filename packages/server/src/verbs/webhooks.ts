import {
  type DeliveriesQuery,
  type DeliveriesResponse,
  type DeliveryResponse,
  webhookTestEvent,
} from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { secondMs, wireTime } from '../ground/clock.ts';
import type { Call } from './context.ts';
import { conflict, deliveryNotFound, DomainError } from '../ground/errors.ts';
import { readPage } from '../ground/paging.ts';
import { mostOfAll, mostOfOne, takeRequest } from '../rules/webhooks/budget.ts';
import { deliveriesDue, enqueueDelivery } from '../rules/webhooks/enqueue.ts';
import * as queries from '../rules/webhooks/queries.ts';
import { holdReceiver } from '../rules/webhooks/receivers.ts';
import { attemptsOf } from '../rules/webhooks/schedule.ts';

const view = (row: queries.DeliveryRow): DeliveryResponse => ({
  id: row.id,
  event: row.event,
  event_number: row.event_number,
  task_id: row.task_id,
  status: row.status,
  created_at: wireTime(row.created_at),
  next_attempt_at: wireTime(row.next_at),
  attempts: attemptsOf(row.attempts),
});

/** A page of the deliveries to the caller's webhook, newest first (contract section 9). */
export async function listDeliveries(
  { ctx, agentId }: Call,
  query: z.output<typeof DeliveriesQuery>,
): Promise<DeliveriesResponse> {
  const status = query.status ?? 'any';
  const { rows, facts } = await readPage('deliveries', query, {
    start: ['~'],
    read: ({ sortKey: [before], ...range }) =>
      ctx.db.all(queries.deliveriesPage(status), { agent_id: agentId, before, ...range }),
    count: (limit) => ctx.db.one(queries.countDeliveries(status), { agent_id: agentId, limit }),
    sortKey: ({ id }) => [id],
    view,
  });
  return { deliveries: rows, ...facts };
}

const noWebhook = () =>
  conflict('You have no webhook', 'Set webhook_url with PATCH /v1/me; events from then on are sent to it.');

/** The host of the webhook has had all requests of this minute. */
const hostExhausted = (waitMs: number) =>
  new DomainError(
    'rate_limited',
    `Too many webhook requests to this host: no more than ${mostOfOne} of one agent and ${mostOfAll} of all are sent in a minute`,
    'Wait for Retry-After seconds, then test again.',
    { retryAfterSeconds: Math.ceil(waitMs / secondMs) },
  );

/**
 * Makes a delivery due now. A delivery that has ended gets all its retries again.
 *
 * @throws DomainError `not_found`; `conflict` if the caller has no webhook.
 */
export function redeliver(call: Call, id: string): Promise<DeliveryResponse> {
  const { ctx, agentId } = call;
  return call.transact('redeliver', async (tx) => {
    const now = ctx.clock.now();
    const key = { agent_id: agentId, id };
    if ((await tx.first(queries.webhookOf, key))?.webhook_url == null) throw noWebhook();
    await tx.first(holdReceiver, { agent_id: agentId });
    const row = await tx.first(queries.restartDelivery, { ...key, at: now });
    if (row === undefined) throw deliveryNotFound();
    tx.send(queries.callReceiver, { agent_id: agentId, at: now });
    tx.signal(deliveriesDue);
    return view(row);
  });
}

/**
 * Sends a test delivery to the caller's webhook at once, without retries, and returns its outcome. It does not wait for
 * other deliveries. If the server dies meanwhile, the test is sent once more later.
 *
 * @throws DomainError `conflict` if the caller has no webhook; `overloaded` if too many tests are in progress.
 */
export function testWebhook(call: Call): Promise<DeliveryResponse> {
  return call.ctx.webhooks.testing(() => sendTest(call));
}

async function sendTest(call: Call): Promise<DeliveryResponse> {
  const { ctx, agentId } = call;
  const target = await ctx.webhooks.hostsOf(agentId);
  // Stays empty if the request repeats an earlier one, which has sent the test or is sending it.
  const own = { id: '' };
  const { id } = await call.transact('test webhook', async (tx) => {
    const now = ctx.clock.now();
    if ((await tx.first(queries.webhookOf, { agent_id: agentId }))?.webhook_url == null) throw noWebhook();
    const told = { agentId, number: null, event: webhookTestEvent, taskId: null, data: '{}' };
    own.id = enqueueDelivery({ ctx, tx, now }, told, now + 2 * ctx.config.webhooks.timeoutSeconds * secondMs);
    const waitsUntil = target && (await takeRequest(tx, target.hosts, { agentId, now }));
    if (waitsUntil !== undefined) throw hostExhausted(waitsUntil - now);
    return { id: own.id };
  });
  if (own.id === id) await ctx.webhooks.sendNow(agentId, id);
  return view(await ctx.db.one(queries.deliveryById, { agent_id: agentId, id }));
}
