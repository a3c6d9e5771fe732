import { createHmac } from 'node:crypto';
import { secondMs } from '../../ground/clock.ts';

const standardPrefix = 'whsec_';

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text, 'utf8');

/**
 * The key for the signature of Standard Webhooks: decoded from base64 in a `whsec_…` secret, else the secret itself.
 */
function standardKey(secret: string): string | Buffer {
  return secret.startsWith(standardPrefix) ? Buffer.from(secret.slice(standardPrefix.length), 'base64') : secret;
}

/**
 * The headers that identify a delivery and, if there is a secret, sign it: those of Standard Webhooks
 * (https://www.standardwebhooks.com) and `x-pinchwork-signature`, whose key is the text of the secret (contract
 * section 9).
 *
 * @param id id of the delivery: the same in each attempt, so that a receiver can recognize a repetition.
 * @param at time of the attempt in epoch milliseconds, which receivers compare with their own clock.
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
