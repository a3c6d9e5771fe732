/** A repeatable random generator: the same seed gives the same numbers. Not for secrets. */
export class Random {
  #state: number;

  /** @param seed a whole number. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    // Mulberry32: one word of state, uniform enough for tests.
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  /** Returns true in `percent` % of all calls. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)]!;
  }

  /** A separate generator for a concurrent task, so that the order of draws stays repeatable. */
  fork(): Random {
    return new Random(this.below(2 ** 31));
  }
}

/** The seed of a test run: `PINCHWORK_TEST_SEED`, or another one each time. Print it, so that a failure can be repeated. */
export const testSeed = Number(process.env.PINCHWORK_TEST_SEED ?? Date.now() % 2 ** 31);
