import type { EventData, EventType, webhookTestEvent } from '../events.ts';
import { PinchworkError } from './error.ts';

interface Delivery<Name extends string, Data> {
  readonly event: Name;
  readonly task_id: string | null;
  readonly data: Readonly<Data>;
  readonly timestamp: string;
}

/** What a webhook receives, by its event. */
export type WebhookDelivery =
  | { [T in EventType]: Delivery<T, EventData[T]> }[EventType]
  | Delivery<typeof webhookTestEvent, Record<string, unknown>>;

/** The headers of a request, as `fetch` or as Node's servers have them. */
type HeadersLike = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface WebhookInput {
  /** The body as it came, byte for byte: not parsed and written again. */
  readonly body: string | Uint8Array;
  readonly headers: HeadersLike;
  /** The webhook's secret. */
  readonly secret: string;
  /** How old a delivery may be, or how far ahead of this clock, in seconds. Default: 300. */
  readonly toleranceSeconds?: number | undefined;
}

/**
 * Checks that a request to a webhook comes from the server that knows the secret, and is not an old one (Standard
 * Webhooks, contract section 9). `webhook-id` is the same in each repetition of a delivery.
 *
 * @returns the delivery
 * @throws PinchworkError with the code `invalid_signature`
 */
export async function verifyWebhook(input: WebhookInput): Promise<WebhookDelivery> {
  const { body, headers, secret, toleranceSeconds = 300 } = input;
  const read = (name: string) => headerOf(headers, name) ?? refuse(`The header ${name} is missing`);
  const [id, timestamp, signatures] = [read('webhook-id'), read('webhook-timestamp'), read('webhook-signature')];
  if (!/^\d{1,15}$/.test(timestamp)) refuse('The header webhook-timestamp is not a number of seconds');
  const ageSeconds = Date.now() / 1_000 - Number(timestamp);
  if (Math.abs(ageSeconds) > toleranceSeconds) {
    refuse(`The delivery is ${Math.abs(Math.round(ageSeconds))} s ${ageSeconds > 0 ? 'old' : 'ahead'}`);
  }
  const content = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), content);
  const key = await crypto.subtle.importKey('raw', keyOf(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  for (const signature of signatures.split(' ')) {
    const bytes = signature.startsWith('v1,') ? fromBase64(signature.slice(3)) : undefined;
    // `verify` compares in constant time.
    if (bytes !== undefined && (await crypto.subtle.verify('HMAC', key, bytes, signed))) {
      return JSON.parse(new TextDecoder().decode(content)) as WebhookDelivery;
    }
  }
  return refuse('The signature is not that of this secret and this body');
}

function refuse(problem: string): never {
  throw new PinchworkError(problem, {
    code: 'invalid_signature',
    hint: 'Answer with 401 and do nothing. If it should be valid: compare the secret, and sign the body as it came.',
  });
}

function headerOf(headers: HeadersLike, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const key = Object.keys(headers).find((each) => each.toLowerCase() === name);
  const value = key === undefined ? undefined : headers[key];
  return typeof value === 'object' ? value[0] : value;
}

/** A `whsec_…` secret is the key in base64; any other is its own text. */
function keyOf(secret: string): Uint8Array<ArrayBuffer> {
  if (!secret.startsWith('whsec_')) return new TextEncoder().encode(secret);
  return fromBase64(secret.slice('whsec_'.length)) ?? refuse('The secret is not base64 behind "whsec_"');
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
