import type { Clock } from '../../src/ground/clock.ts';

/** A clock that moves only when the test advances it. */
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

  /** Moves the clock forward or back, and fires the alarms that are due. */
  advance(ms: number): void {
    this.#now += ms;
    for (const alarm of [...this.#alarms].sort((a, b) => a.at - b.at)) {
      if (alarm.at <= this.#now && this.#alarms.delete(alarm)) alarm.wake();
    }
  }

  /** The number of pending alarms. */
  get alarms(): number {
    return this.#alarms.size;
  }
}
