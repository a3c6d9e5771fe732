import { type Clock, secondMs } from '../../ground/clock.ts';
import type { RateLimit } from '../../ground/settings.ts';

/** The largest difference between clocks of two servers: each is within a second of the database's clock at start. */
export const skewMs = 2 * secondMs;

/** The state of a limit after a request was counted or refused. */
export interface Usage {
  readonly limit: RateLimit;
  readonly allowed: boolean;
  readonly remaining: number;
  /** End of the window, in epoch milliseconds; the next request begins a new one. */
  readonly endsAt: number;
}

export const usage = (limit: RateLimit, allowed: boolean, used: number, endsAt: number): Usage => ({
  limit,
  allowed,
  remaining: Math.max(0, limit.count - used),
  endsAt,
});

interface Window {
  used: number;
  endsAt: number;
  readonly windowMs: number;
  /** The part of `used` that was not shared with other servers yet. */
  unsent: number;
}

/** Requests counted in a window by one server, to be added to those of the other servers. */
export interface Tally {
  readonly key: string;
  readonly count: number;
  readonly endsAt: number;
  /** Length of the window, from its first request to its end. */
  readonly windowMs: number;
}

/**
 * Counts requests in windows, in bounded memory. The first request of a key begins its window. If there are too many
 * keys, the oldest windows are forgotten first.
 *
 * Windows are forgotten a whole generation at a time. Deleting the first key of a `Map` for each new key would walk
 * over all keys deleted before (70 µs a request in a flood of addresses, instead of 1 µs).
 */
export class Windows {
  readonly #clock: Clock;
  readonly #most: number;
  /** The windows that began since the last change of generation, and those of the generation before. */
  #young = new Map<string, Window>();
  #old = new Map<string, Window>();
  #turnedAt: number;
  #longestMs = 0;
  readonly #touched = new Set<string>();
  readonly #isShared: boolean;

  /** @param isShared whether other servers count against the same limits: then `tallies` must be called regularly. */
  constructor(clock: Clock, { most = 100_000, isShared = false } = {}) {
    this.#clock = clock;
    this.#most = most;
    this.#turnedAt = clock.now();
    this.#isShared = isShared;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Counts a request, if the limit allows it. */
  take(key: string, limit: RateLimit): Usage {
    const now = this.#clock.now();
    const window = this.#current(key, limit, now);
    const allowed = window.used < limit.count;
    if (allowed) {
      window.used++;
      if (this.#isShared) {
        window.unsent++;
        if (this.#touched.size < this.#most) this.#touched.add(key);
      }
    }
    return usage(limit, allowed, window.used, window.endsAt);
  }

  /**
   * Counts an amount that is known only afterwards, such as the bytes of a reply, even above the limit. Other servers
   * learn of it in portions of a hundredth of the limit, so that small amounts cost them nothing.
   */
  add(key: string, limit: RateLimit, amount: number): void {
    const window = this.#current(key, limit, this.#clock.now());
    window.used += amount;
    if (!this.#isShared) return;
    window.unsent += amount;
    if (window.unsent * 100 >= limit.count && this.#touched.size < this.#most) this.#touched.add(key);
  }

  /** What is left of a limit, without counting anything. */
  look(key: string, limit: RateLimit): Usage {
    const { used, endsAt } = this.#current(key, limit, this.#clock.now());
    return usage(limit, used < limit.count, used, endsAt);
  }

  #find(key: string): Window | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  #current(key: string, { windowMs }: RateLimit, now: number): Window {
    const known = this.#find(key);
    // A window must not last longer because the clock was set back. A window that another server began may end up to
    // `skewMs` later than any of this server's.
    if (known !== undefined && now < known.endsAt && now >= known.endsAt - windowMs - skewMs) return known;
    if (this.#young.size >= this.#most / 2) this.#turn(now);
    const window = { used: 0, endsAt: now + windowMs, windowMs, unsent: 0 };
    this.#longestMs = Math.max(this.#longestMs, windowMs);
    this.#old.delete(key);
    this.#young.set(key, window);
    return window;
  }

  #turn(now: number): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#turnedAt = now;
  }

  /** Takes the tallies that were not taken yet, of at most `most` windows. */
  tallies(most = Infinity): Tally[] {
    const tallies: Tally[] = [];
    for (const key of this.#touched) {
      if (tallies.length >= most) break;
      this.#touched.delete(key);
      const window = this.#find(key);
      if (window === undefined || window.unsent === 0 || window.endsAt <= this.#clock.now()) continue;
      tallies.push({ key, count: window.unsent, endsAt: window.endsAt, windowMs: window.windowMs });
      window.unsent = 0;
    }
    return tallies;
  }

  /** Puts back a tally that could not be merged, so that `tallies` returns it again. */
  restore({ key, count, endsAt }: Tally): void {
    const window = this.#find(key);
    // A new window may have begun in between.
    if (window?.endsAt !== endsAt) return;
    window.unsent += count;
    this.#touched.add(key);
  }

  /** Replaces the count of a window by the sum of all servers, plus what was not shared yet. */
  merge({ key, count, endsAt }: Omit<Tally, 'windowMs'>): void {
    const window = this.#find(key);
    if (window === undefined || endsAt <= this.#clock.now()) return;
    window.used = count + window.unsent;
    window.endsAt = endsAt;
  }

  /** Forgets the older generation, if all its windows have ended. */
  sweep(): void {
    const now = this.#clock.now();
    if (now - this.#turnedAt >= this.#longestMs + skewMs) this.#turn(now);
  }
}
