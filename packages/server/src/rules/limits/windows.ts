import { type Clock, secondMs } from '../../ground/clock.ts';
import type { RateLimit } from '../../ground/settings.ts';

/** How far the clocks of two servers may be apart: each starts within a second of the database's. */
export const skewMs = 2 * secondMs;

/** How much of a limit is used up, after a request was counted or refused. */
export interface Usage {
  readonly limit: RateLimit;
  readonly allowed: boolean;
  readonly remaining: number;
  /** When the window ends and counting begins anew; epoch milliseconds. */
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
  /** What `used` holds that no other server has been told of. */
  unsent: number;
}

/** A part of a window that is to be added up with those of other servers. */
export interface Share {
  readonly key: string;
  readonly count: number;
  readonly endsAt: number;
  /** How long the window is, from its first request to its end. */
  readonly windowMs: number;
}

/**
 * Counts requests in windows, each begun by its key's first request: exactly, in memory that is bounded. When there are
 * too many keys, the oldest windows are forgotten first.
 *
 * Windows are forgotten by the generation, without looking at any: a `Map` that gives up its first key for each new one
 * walks over all those it has given up before (70 µs a request in a flood of addresses, against 1).
 */
export class Windows {
  readonly #clock: Clock;
  readonly #most: number;
  /** The windows that began since the last turn, and those of the time before it. */
  #young = new Map<string, Window>();
  #old = new Map<string, Window>();
  #turnedAt: number;
  #longestMs = 0;
  readonly #touched = new Set<string>();
  readonly #isShared: boolean;

  /** @param isShared whether other servers count against the same limits: then `shares` must be called regularly. */
  constructor(clock: Clock, { most = 100_000, isShared = false } = {}) {
    this.#clock = clock;
    this.#most = most;
    this.#turnedAt = clock.now();
    this.#isShared = isShared;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Counts a request, unless the limit is used up. */
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

  #find(key: string): Window | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  #current(key: string, { windowMs }: RateLimit, now: number): Window {
    const known = this.#find(key);
    // A clock that was set back must not make a window last longer than it may. One that another server began may end
    // a little later than any of this one's.
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

  /** Hands out what has been counted and not been handed out, of so many windows at most. */
  shares(most = Infinity): Share[] {
    const shares: Share[] = [];
    for (const key of this.#touched) {
      if (shares.length >= most) break;
      this.#touched.delete(key);
      const window = this.#find(key);
      if (window === undefined || window.unsent === 0 || window.endsAt <= this.#clock.now()) continue;
      shares.push({ key, count: window.unsent, endsAt: window.endsAt, windowMs: window.windowMs });
      window.unsent = 0;
    }
    return shares;
  }

  /** Gives back a share that could not be told to the others, to be handed out again. */
  restore({ key, count, endsAt }: Share): void {
    const window = this.#find(key);
    // Another window may have begun in the meantime.
    if (window?.endsAt !== endsAt) return;
    window.unsent += count;
    this.#touched.add(key);
  }

  /** Takes over what all servers have counted together. */
  merge({ key, count, endsAt }: Omit<Share, 'windowMs'>): void {
    const window = this.#find(key);
    if (window === undefined || endsAt <= this.#clock.now()) return;
    window.used = count + window.unsent;
    window.endsAt = endsAt;
  }

  /** Forgets windows that have ended, if that is long ago. */
  sweep(): void {
    const now = this.#clock.now();
    if (now - this.#turnedAt >= this.#longestMs + skewMs) this.#turn(now);
  }
}
