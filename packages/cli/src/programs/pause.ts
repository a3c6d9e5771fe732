import type { Clock } from '../io.ts';

/** Waits, at most until the signal is aborted. @returns false if it is */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(false);
      return;
    }
    const end = () => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve(!signal.aborted);
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener('abort', end);
  });
}

/** A pause that doubles with each attempt, from 1. */
export const doubling = (attempt: number, firstMs: number, mostMs: number): number =>
  Math.min(mostMs, firstMs * 2 ** (attempt - 1));
