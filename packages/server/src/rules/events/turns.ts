/** A semaphore: at most `most` functions run at the same time; the others wait in order of arrival. */
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
      // In the next turn of the event loop, so that a thousand reads of an embedded database do not block other
      // requests.
      if (next !== undefined) setImmediate(next);
      else this.#free++;
    }
  }
}
