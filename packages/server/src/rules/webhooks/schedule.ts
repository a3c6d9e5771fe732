import { type DeliveryStatus, limits, type WebhookAttempt } from '@pinchwork/sdk/table';
import { hourMs, secondMs, wireTime } from '../../ground/clock.ts';
import type { DeliveryRow } from './queries.ts';
import { isTest } from './queries.ts';
import type { SendResult } from './sender.ts';

/** The first retry comes after about one second, each further one after five times as long, at most an hour. */
const firstBackoffMs = secondMs;
const backoffFactor = 5;
const longestBackoffMs = hourMs;
/** Random deviation of a retry, as a fraction, so that deliveries that failed together are not retried together. */
const jitter = 0.25;
/** The longest pause that a receiver's `Retry-After` can ask for. */
const longestRestMs = hourMs;

const dayMs = 24 * hourMs;
/** How long a delivery is kept after its end, by status. */
export const keptMs: Readonly<Record<Exclude<DeliveryStatus, 'pending'>, number>> = {
  delivered: 7 * dayMs,
  dead: 30 * dayMs,
};

/** The columns of a delivery that an attempt changes. */
export interface Aftermath {
  readonly status: DeliveryStatus;
  readonly tries: number;
  readonly next_at: number | null;
  readonly forget_at: number | null;
  readonly attempts: string;
}

/**
 * The time until which the receiver asks for a pause, in epoch milliseconds, at most an hour ahead; 0 if it asks for
 * none. With 2xx the header has no meaning.
 */
export function restUntil({ error, statusCode, retryAfter }: SendResult, now: number): number {
  if (error === null || statusCode === null || retryAfter === undefined) return 0;
  const at = /^\d{1,9}$/.test(retryAfter) ? now + Number(retryAfter) * secondMs : Date.parse(retryAfter);
  // A value that is neither seconds nor an HTTP date is ignored.
  return at > now ? Math.min(at, now + longestRestMs) : 0;
}

/** The pause before the `retry`-th retry (from 1), in milliseconds, without jitter. */
export const backoffMs = (retry: number) => Math.min(longestBackoffMs, firstBackoffMs * backoffFactor ** (retry - 1));

/** `410 Gone`: the receiver says that it will not come back, so there is no retry. */
const goneStatus = 410;

/**
 * The state of a delivery after an attempt (contract section 9): delivered; pending, with a growing pause; or dead,
 * if no retries are left, the receiver is gone, or it was a test.
 *
 * @param chance a random number from 0 to 1, for the jitter.
 */
export function aftermath(
  row: DeliveryRow,
  result: SendResult,
  { now, maxRetries, chance }: { readonly now: number; readonly maxRetries: number; readonly chance: number },
): Aftermath {
  const tries = row.tries + 1;
  const attempts = withAttempt(row.attempts, {
    at: wireTime(now - result.durationMs),
    status_code: result.statusCode,
    duration_ms: result.durationMs,
    error: result.error,
  });
  const end = (status: 'delivered' | 'dead') => ({
    status,
    tries,
    attempts,
    next_at: null,
    forget_at: now + keptMs[status],
  });
  if (result.error === null) return end('delivered');
  if (tries > maxRetries || isGone(result) || isTest(row)) return end('dead');
  return { status: 'pending', tries, attempts, next_at: retryAt(result, tries, { now, chance }), forget_at: null };
}

/** Whether a receiver says that it will not come back. */
export const isGone = ({ statusCode }: Pick<SendResult, 'statusCode'>) => statusCode === goneStatus;

/** When an attempt that failed for the `tries`-th time is repeated. `chance`: a random number from 0 to 1. */
export function retryAt(
  result: SendResult,
  tries: number,
  { now, chance }: { readonly now: number; readonly chance: number },
): number {
  const pause = Math.round(backoffMs(tries) * (1 + jitter * (2 * chance - 1)));
  return Math.max(now + pause, restUntil(result, now));
}

/** The state of a delivery that ends without being sent, for the given reason. */
export function endUnsent({ tries, attempts }: DeliveryRow, error: string, now: number): Aftermath {
  const unsent = { at: wireTime(now), status_code: null, duration_ms: 0, error };
  return {
    status: 'dead',
    tries,
    attempts: withAttempt(attempts, unsent),
    next_at: null,
    forget_at: now + keptMs.dead,
  };
}

/** The state of the test of a held receiver after an attempt. `nextAt`: when it is tried again; null: no more. */
export function aftermathOfProbe(row: DeliveryRow, result: SendResult, now: number, nextAt: number | null): Aftermath {
  const after = aftermath(row, result, { now, maxRetries: 0, chance: 0 });
  return after.status === 'delivered' || nextAt === null
    ? after
    : { ...after, status: 'pending', next_at: nextAt, forget_at: null };
}

/** Adds an attempt to the list and keeps the last `limits.webhookAttempts`. */
function withAttempt(list: string, attempt: WebhookAttempt): string {
  return JSON.stringify([...attemptsOf(list), attempt].slice(-limits.webhookAttempts));
}

/** The attempts of a stored list. Only `withAttempt` writes such lists. */
export const attemptsOf = (list: string) => JSON.parse(list) as WebhookAttempt[];
