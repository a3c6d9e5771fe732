import type { Clock } from '../../src/ground/clock.ts';

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #now: number;
  readonly #alarms = new Set<{ at: number; wake: () => void }>();

  /** @param start a whole second by default, so that deadlines fall exactly where the arithmetic says. */
  constructor(start = Date.UTC(2030, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, wake: () => void): () => void {
    const alarm = { at: this.#now + delayMs, wake };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Goes on, or back, and rings the alarms that have come. */
  advance(ms: number): void {
    this.#now += ms;
    for (const alarm of [...this.#alarms].sort((a, b) => a.at - b.at)) {
      if (alarm.at <= this.#now && this.#alarms.delete(alarm)) alarm.wake();
    }
  }

  /** How many alarms are set. */
  get alarms(): number {
    return this.#alarms.size;
  }
}
