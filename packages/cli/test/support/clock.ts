import type { Clock } from '../../src/io.ts';

/** The time of this machine. */
export const realClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, wake) => {
    const timer = setTimeout(wake, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The time of this machine, but no time limit is ever over, however slow the machine is. */
export const patientClock: Clock = {
  ...realClock,
  after: (delayMs, wake) => (delayMs >= 1_000 ? () => undefined : realClock.after(delayMs, wake)),
};
