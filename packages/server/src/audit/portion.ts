/**
 * The largest number of subjects that one statement checks. It usually takes a few milliseconds, so that no snapshot is
 * held for long.
 */
const mostSubjects = 500;
/** If a statement took longer, in milliseconds, the next ones check fewer subjects: these have very many rows. */
const slowMs = 200;

/** How many subjects a range has: a quarter after a slow statement, twice as many after a range of fast ones. */
export class Portion {
  #size = mostSubjects;
  #slowestMs = 0;

  noteStatement(ms: number): void {
    this.#slowestMs = Math.max(this.#slowestMs, ms);
  }

  /** The size of the next range. */
  next(): number {
    if (this.#slowestMs > slowMs) this.#size = Math.max(1, Math.floor(this.#size / 4));
    else if (this.#slowestMs < slowMs / 10) this.#size = Math.min(mostSubjects, this.#size * 2);
    this.#slowestMs = 0;
    return this.#size;
  }
}
