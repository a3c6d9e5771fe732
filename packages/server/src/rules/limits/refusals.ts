import { secondMs } from '../../ground/clock.ts';

/** How many refusals a holder gets at once, and how many more in each second. */
const atOnce = 50;
const perSecond = 100;
/** The longest delay. */
const mostMs = 4 * secondMs;
const stepMs = secondMs / perSecond;

/**
 * Delays the refusals of those who go on although a rate limit refuses them. A client sends its next request when the
 * last one was answered, so a delay slows it down. Without one, 200 connections of one address keep the server busy with
 * refusals alone, and everybody else waits behind them.
 */
export class Refusals {
  /** When the last refusal of each holder is due. */
  readonly #due = new Map<string, number>();
  #cleanedAt = 0;

  /** Counts a refusal. @param now in milliseconds, of a clock that is never set back. @returns its delay. */
  delayOf(holder: string, now: number): number {
    this.#clean(now);
    const due = Math.max(this.#due.get(holder) ?? 0, now) + stepMs;
    // One that is delayed for the longest time does not delay the next ones more.
    const delay = Math.min(due - now - atOnce * stepMs, mostMs);
    this.#due.set(holder, Math.min(due, now + mostMs + atOnce * stepMs));
    return Math.max(0, delay);
  }

  /** How many holders are remembered. */
  get size(): number {
    return this.#due.size;
  }

  /** Forgets, once a second, the holders without a delay. */
  #clean(now: number): void {
    if (now < this.#cleanedAt + secondMs) return;
    this.#cleanedAt = now;
    for (const [holder, due] of this.#due) if (due <= now) this.#due.delete(holder);
  }
}
