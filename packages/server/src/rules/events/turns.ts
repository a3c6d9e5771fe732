/** Lets so many at a time do something, in the order in which they came; the others wait. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(most: number) {
    this.#free = most;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // Not in the same turn of the loop: a thousand reads of the embedded database would let nobody else have one.
      if (next !== undefined) setImmediate(next);
      else this.#free++;
    }
  }
}
