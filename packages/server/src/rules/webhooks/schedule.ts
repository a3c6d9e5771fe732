import { type DeliveryStatus, limits, type WebhookAttempt } from '@pinchwork/sdk';
import { hourMs, secondMs, wireTime } from '../../ground/clock.ts';
import type { DeliveryRow } from './queries.ts';
import { isTest } from './queries.ts';
import type { Answer } from './sender.ts';

/** The first retry comes after about so long, each further one after five times as long, up to an hour. */
const firstBackoffMs = secondMs;
const backoffFactor = 5;
const longestBackoffMs = hourMs;
/** How far a retry may be off, so that those that failed together don't come back together. */
const jitter = 0.25;
/** A receiver may ask for at most so much time. */
const longestRestMs = hourMs;

const dayMs = 24 * hourMs;
/** How long a delivery is kept once it has ended. */
export const keptMs: Readonly<Record<Exclude<DeliveryStatus, 'pending'>, number>> = {
  delivered: 7 * dayMs,
  dead: 30 * dayMs,
};

/** What becomes of a delivery after an attempt: the columns that change. */
interface Aftermath {
  readonly status: DeliveryStatus;
  readonly tries: number;
  readonly next_at: number | null;
  readonly forget_at: number | null;
  readonly attempts: string;
}

/** Until when the receiver wants to be left alone; 0: it has not said so. Not with 2xx, where the header has no meaning. */
export function restUntil({ error, statusCode, retryAfter }: Answer, now: number): number {
  if (error === null || statusCode === null || retryAfter === undefined) return 0;
  const at = /^\d{1,9}$/.test(retryAfter) ? now + Number(retryAfter) * secondMs : Date.parse(retryAfter);
  // Anything but seconds or an HTTP date is as good as nothing.
  return at > now ? Math.min(at, now + longestRestMs) : 0;
}

/** How long to wait before the `retry`-th retry, without jitter. */
export const backoffMs = (retry: number) => Math.min(longestBackoffMs, firstBackoffMs * backoffFactor ** (retry - 1));

/** The receiver is gone for good, and says so: no use in trying again. */
const goneStatus = 410;

/**
 * What an attempt makes of a delivery: delivered; or due again, later each time; or dead, when the tries are used up
 * and when the receiver is gone.
 *
 * @param chance a number from 0 to 1, for the jitter.
 */
export function aftermath(
  row: DeliveryRow,
  answer: Answer,
  { now, maxRetries, chance }: { readonly now: number; readonly maxRetries: number; readonly chance: number },
): Aftermath {
  const tries = row.tries + 1;
  const attempts = withAttempt(row.attempts, {
    at: wireTime(now - answer.durationMs),
    status_code: answer.statusCode,
    duration_ms: answer.durationMs,
    error: answer.error,
  });
  const end = (status: 'delivered' | 'dead') => ({
    ...{ status, tries, attempts },
    next_at: null,
    forget_at: now + keptMs[status],
  });
  if (answer.error === null) return end('delivered');
  if (tries > maxRetries || answer.statusCode === goneStatus || isTest(row)) return end('dead');
  const pause = Math.round(backoffMs(tries) * (1 + jitter * (2 * chance - 1)));
  return {
    ...{ status: 'pending', tries, attempts },
    next_at: Math.max(now + pause, restUntil(answer, now)),
    forget_at: null,
  };
}

/** The list of attempts with one more, and without those that are too many. */
function withAttempt(list: string, attempt: WebhookAttempt): string {
  return JSON.stringify([...attemptsOf(list), attempt].slice(-limits.webhookAttempts));
}

export const attemptsOf = (list: string) => JSON.parse(list) as WebhookAttempt[];
