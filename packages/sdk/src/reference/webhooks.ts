import { ids, page, type Reference, times } from './reference.ts';

const refused = { at: times.at, status_code: 503, duration_ms: 41, error: 'The receiver answered 503' };
const accepted = { at: times.at, status_code: 200, duration_ms: 38, error: null };

const delivery = {
  id: ids.delivery,
  event: 'task_delivered',
  event_number: 17,
  task_id: ids.task,
  status: 'dead',
  created_at: times.at,
  next_attempt_at: null,
  attempts: [refused],
};

/** Webhooks: what was sent, and sending it again. */
export const webhookReference = {
  listDeliveries: {
    tag: 'Webhooks',
    summary: 'List webhook deliveries',
    description:
      'Every event that goes to your `webhook_url`, newest first, with its latest attempts. Delivered ones are kept for 7 days, dead ones for 30.',
    query: { status: 'dead', limit: 10 },
    reply: { deliveries: [delivery], ...page },
  },
  redeliver: {
    tag: 'Webhooks',
    summary: 'Send a delivery again',
    description:
      'Starts the delivery again with all its retries, whatever its status. It keeps its `webhook-id`, and uses the address and the secret of your profile at the time of sending.',
    body: {},
    reply: { ...delivery, status: 'pending', next_attempt_at: times.later },
  },
  testWebhook: {
    tag: 'Webhooks',
    summary: 'Test your webhook',
    description:
      'Sends an event `webhook_test` to your `webhook_url` now, once. The answer is the outcome: `delivered`, or `dead` with the reason. A webhook that is `unconfirmed` or `paused` goes on when it takes the test.',
    body: {},
    reply: {
      ...delivery,
      event: 'webhook_test',
      event_number: null,
      task_id: null,
      status: 'delivered',
      attempts: [accepted],
    },
  },
} satisfies Record<string, Reference>;
