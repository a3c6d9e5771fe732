import { isPassing, PinchworkError } from '../client/error.ts';
import { backoff, pause } from '../client/time.ts';

const firstPauseMs = 1_000;
const lastPauseMs = 60_000;

/**
 * Calls until it works or the server refuses for good. A worker that runs for weeks outlives restarts and limits.
 *
 * @param tell is called for each failure after which it waits, with the wait in milliseconds
 * @throws PinchworkError for a refusal; the signal's reason when it is aborted
 */
export async function persist<T>(
  call: () => Promise<T>,
  signal: AbortSignal,
  tell: (error: PinchworkError, delayMs: number, attempt: number) => void,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof PinchworkError) || !isPassing(error)) throw error;
      const delayMs = Math.max(backoff(attempt, firstPauseMs, lastPauseMs), (error.retryAfter ?? 0) * 1_000);
      tell(error, delayMs, attempt);
      await pause(delayMs, signal);
    }
  }
}

/** Whether the server says that a claim is not this worker's any more. */
export const isLoss = (error: unknown): boolean =>
  error instanceof PinchworkError && error.status !== undefined && [403, 404, 409].includes(error.status);
