import type { Clock } from '../../ground/clock.ts';

/** At most one alarm for each of some ids. */
export class Alarms {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #ring: (id: string) => void;
  readonly #cancels = new Map<string, () => void>();

  /**
   * @param most how many there may be; one more is not set.
   * @param ring called with the id when it is time.
   */
  constructor(clock: Clock, most: number, ring: (id: string) => void) {
    this.#clock = clock;
    this.#most = most;
    this.#ring = ring;
  }

  set(id: string, at: number): void {
    if (this.#cancels.has(id) || this.#cancels.size >= this.#most) return;
    const ring = () => {
      this.#cancels.delete(id);
      this.#ring(id);
    };
    this.#cancels.set(id, this.#clock.after(at - this.#clock.now(), ring));
  }

  cancel(id: string): void {
    this.#cancels.get(id)?.();
    this.#cancels.delete(id);
  }

  clear(): void {
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
  }
}
