import { checkpointPages } from './file.ts';

/** After reading for this long, a reader looks whether the log waits for it, in milliseconds. */
const readMs = 50;
/** It rests in naps of this length. */
const napMs = 5;
/** The longest rest, half a second: several commits on a slow disk. */
const mostNaps = 100;
/** After this many naps in which nobody writes, the log waits for nobody. */
const quietNaps = 20;

/** What `Rests` needs of the time. For tests. */
export interface Pace {
  now(): number;
  sleep(ms: number): Promise<unknown>;
}

const realPace: Pace = {
  now: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/**
 * The rests of a reader that takes long, such as the audit. SQLite begins its write-ahead log anew only at a moment at
 * which nobody reads. A reader with one statement after the other leaves no such moment: the log grows as long as it
 * reads, and each commit tries in vain to empty it. So when the log should have begun anew, the reader rests until it
 * has.
 */
export class Rests {
  readonly #pagesInLog: () => number;
  readonly #pace: Pace;
  /** When it began to read after its last rest. */
  #since: number;

  /** @param pagesInLog the number of pages in the log. */
  constructor(pagesInLog: () => number, pace: Pace = realPace) {
    this.#pagesInLog = pagesInLog;
    this.#pace = pace;
    this.#since = pace.now();
  }

  /** Call it before each statement. Undefined: no rest is due. */
  due(): Promise<void> | undefined {
    const now = this.#pace.now();
    if (now - this.#since < readMs) return undefined;
    if (this.#pagesInLog() > checkpointPages) return this.#rest();
    this.#since = now;
    return undefined;
  }

  async #rest(): Promise<void> {
    let before = this.#pagesInLog();
    for (let naps = 0, quiet = 0; naps < mostNaps && quiet < quietNaps; naps++) {
      await this.#pace.sleep(napMs);
      const pages = this.#pagesInLog();
      if (pages <= checkpointPages) break;
      quiet = pages === before ? quiet + 1 : 0;
      before = pages;
    }
    this.#since = this.#pace.now();
  }
}
