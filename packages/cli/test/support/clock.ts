import type { Clock } from '../../src/io.ts';

/** The time of this machine. */
export const realClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, wake) => {
    const timer = setTimeout(wake, delayMs);
    return () => clearTimeout(timer);
  },
};
