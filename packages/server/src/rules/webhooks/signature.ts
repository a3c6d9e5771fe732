import { createHmac } from 'node:crypto';
import { secondMs } from '../../ground/clock.ts';

const standardPrefix = 'whsec_';

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text, 'utf8');

/** The key that Standard Webhooks signs by: a `whsec_…` secret holds it in base64, any other is it. */
function standardKey(secret: string): string | Buffer {
  return secret.startsWith(standardPrefix) ? Buffer.from(secret.slice(standardPrefix.length), 'base64') : secret;
}

/**
 * The headers that identify a delivery and, with a secret, prove where it comes from: those of Standard Webhooks
 * (https://www.standardwebhooks.com), and the older signature, whose key is the secret's text (contract section 9).
 *
 * @param id the delivery's: the same at each attempt, so that a receiver can tell a repetition.
 * @param at the time of the attempt, which receivers compare with their own.
 */
export function deliveryHeaders(id: string, at: number, body: string, secret: string | null): Record<string, string> {
  const timestamp = String(Math.floor(at / secondMs));
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp };
  if (secret === null) return headers;
  return {
    ...headers,
    'webhook-signature': `v1,${hmac(standardKey(secret), `${id}.${timestamp}.${body}`).digest('base64')}`,
    'x-pinchwork-signature': `sha256=${hmac(secret, body).digest('hex')}`,
  };
}
