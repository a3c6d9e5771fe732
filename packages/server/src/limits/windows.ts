import type { Clock } from '../clock.ts';
import type { RateLimit } from '../config.ts';

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
  /** What `used` holds that no other server has been told of. */
  unsent: number;
}

/** A part of a window that is to be added up with those of other servers. */
export interface Share {
  readonly key: string;
  readonly count: number;
  readonly endsAt: number;
}

/**
 * Counts requests in windows, each begun by its key's first request: exactly, in memory that is bounded. When there are
 * too many keys, the oldest windows are forgotten first.
 */
export class Windows {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #windows = new Map<string, Window>();
  readonly #touched = new Set<string>();
  readonly #isShared: boolean;

  /** @param isShared whether other servers count against the same limits: then `shares` must be called regularly. */
  constructor(clock: Clock, { most = 100_000, isShared = false } = {}) {
    this.#clock = clock;
    this.#most = most;
    this.#isShared = isShared;
  }

  get size(): number {
    return this.#windows.size;
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
        this.#touched.add(key);
      }
    }
    return usage(limit, allowed, window.used, window.endsAt);
  }

  #current(key: string, { windowMs }: RateLimit, now: number): Window {
    const known = this.#windows.get(key);
    // A clock that was set back must not make a window last longer than it may.
    if (known !== undefined && now < known.endsAt && now >= known.endsAt - windowMs) return known;
    const window = { used: 0, endsAt: now + windowMs, unsent: 0 };
    // Behind all others: the map is in the order in which windows began.
    this.#windows.delete(key);
    if (this.#windows.size >= this.#most) this.#forget(this.#windows.keys().next().value!);
    this.#windows.set(key, window);
    return window;
  }

  #forget(key: string): void {
    this.#windows.delete(key);
    this.#touched.delete(key);
  }

  /** Hands out what has been counted since the last call, and forgets the windows that have ended. */
  shares(): Share[] {
    const shares: Share[] = [];
    for (const key of this.#touched) {
      const window = this.#windows.get(key);
      if (window === undefined || window.unsent === 0) continue;
      shares.push({ key, count: window.unsent, endsAt: window.endsAt });
      window.unsent = 0;
    }
    this.#touched.clear();
    return shares;
  }

  /** Gives back a share that could not be told to the others, to be handed out again. */
  restore({ key, count }: Share): void {
    const window = this.#windows.get(key);
    if (window === undefined) return;
    window.unsent += count;
    this.#touched.add(key);
  }

  /** Takes over what all servers have counted together. */
  merge({ key, count, endsAt }: Share): void {
    const window = this.#windows.get(key);
    if (window === undefined) return;
    window.used = count + window.unsent;
    window.endsAt = endsAt;
  }

  /** Forgets the windows that have ended. */
  sweep(): void {
    const now = this.#clock.now();
    for (const [key, { endsAt }] of this.#windows) if (endsAt <= now) this.#forget(key);
  }
}
