import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { deliveryHeaders } from '../../../src/rules/webhooks/signature.ts';

const id = 'wd-XKn6PfEsgT4c';
const body = '{"event":"task_claimed","task_id":"tk-XKn6PfEsdRzG","data":{"worker_id":"ag-ü"},"timestamp":"…"}';
/** The reference implementation refuses deliveries older than five minutes. */
const now = Date.now();

/** The reference implementation with the key in base64, as it expects it. */
function reader(secret: string): Webhook {
  const bytes = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret, 'utf8');
  return new Webhook(bytes.toString('base64'));
}

describe.each(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'a plain secret', 'gehéim 🔑', 'whsec_not base64!', 'x'])(
  'a delivery with the secret "%s"',
  (secret) => {
    const headers = deliveryHeaders(id, now, body, secret);

    it('is valid for the reference implementation of Standard Webhooks', () => {
      expect(reader(secret).verify(body, headers)).toEqual(JSON.parse(body));
      expect(() => reader(secret).verify(body.replace('claimed', 'expired'), headers)).toThrow();
      expect(() => reader(secret).verify(body, { ...headers, 'webhook-id': 'wd-XKn6PfEsgT4d' })).toThrow();
      expect(() => reader('another secret').verify(body, headers)).toThrow();
    });

    it('has a signature of the body, by the text of the secret', () => {
      const hex = createHmac('sha256', Buffer.from(secret, 'utf8')).update(Buffer.from(body, 'utf8')).digest('hex');
      expect(headers['x-pinchwork-signature']).toBe(`sha256=${hex}`);
    });
  },
);

it('a whsec_… secret works unchanged in the reference implementation', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  expect(new Webhook(secret).verify(body, deliveryHeaders(id, now, body, secret))).toEqual(JSON.parse(body));
});

it('a delivery without a secret has an id and a time, but no signature', () => {
  expect(deliveryHeaders(id, 1_893_456_000_999, body, null)).toEqual({
    'webhook-id': id,
    'webhook-timestamp': '1893456000',
  });
});
