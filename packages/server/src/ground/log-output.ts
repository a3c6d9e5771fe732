import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';

/** Lines are collected and written at most this much later. After a `kill -9` the last second may be missing. */
const flushMs = 1_000;
/** When this many characters have been collected, they are written at once. */
const enough = 8 * 1024;
/** At most this many characters wait while the output accepts nothing. Further lines are counted and dropped. */
const mostWaiting = 1024 * 1024;
/**
 * The wait before the next attempt: for an output that is full at the moment (a pipe), and for one that failed (a
 * disk).
 */
const fullMs = 50;
const failedMs = 1_000;
/** How long the end waits for what a thread is writing. */
const lastWordMs = 500;

/**
 * Writes lines of text to a file, a pipe or a terminal. It never blocks, never throws and holds a bounded amount: while
 * the output accepts nothing (a full disk, a pipe without a reader, a halted terminal), it keeps up to a megabyte of
 * lines and drops the rest.
 */
export class LogOutput {
  /** The number of lines dropped since the start. */
  dropped = 0;
  readonly #fd: number;
  readonly #onRecovered: (dropped: number) => void;
  readonly #timer: NodeJS.Timeout;
  #lines: string[] = [];
  #characters = 0;
  /** The bytes that are being written and not written yet. */
  #chunk: Buffer = Buffer.alloc(0);
  #writing = false;
  /** What came in while something was being written is to be written right after it. */
  #hurried = false;
  #onIdle: () => void = () => undefined;
  #pausedUntil = 0;
  /** Dropped lines that have not been reported yet. */
  #untold = 0;
  readonly #atExit = () => this.#lastWrite();

  /**
   * @param fd where to write; 1 is the standard output.
   * @param onRecovered called when the output takes lines again after some were dropped.
   */
  constructor(fd: number, onRecovered: (dropped: number) => void) {
    this.#fd = neverBlocking(fd);
    this.#onRecovered = onRecovered;
    this.#timer = setInterval(() => this.flush(), flushMs);
    this.#timer.unref();
    process.once('exit', this.#atExit);
  }

  /** Adds one or more whole lines. */
  write(text: string): void {
    if (this.#characters + text.length > mostWaiting) {
      this.dropped++;
      this.#untold++;
      return;
    }
    this.#lines.push(text);
    this.#characters += text.length;
    if (this.#characters >= enough) this.flush();
  }

  /** Writes the waiting lines as soon as the output accepts them. */
  flush(): void {
    if (this.#writing) this.#hurried = true;
    else if (performance.now() >= this.#pausedUntil) this.#writeNext();
  }

  /** Tries once to write the waiting lines, after the write in progress unless that takes long, then accepts no more. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#writing) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        setTimeout(resolve, lastWordMs).unref();
      });
    }
    process.off('exit', this.#atExit);
    this.#lastWrite();
  }

  #writeNext(): void {
    if (this.#chunk.length === 0) this.#chunk = this.#take();
    if (this.#chunk.length === 0) return;
    this.#writing = true;
    write(this.#fd, this.#chunk, (error, written) => {
      this.#writing = false;
      this.#chunk = this.#chunk.subarray(written);
      this.#onIdle();
      if (error !== null) this.#pause(error.code === 'EAGAIN' ? fullMs : failedMs);
      else if (this.#chunk.length > 0) this.flush();
      else this.#written();
    });
  }

  #written(): void {
    // Reports the drops only when there is room again. Otherwise each portion would get its own report.
    if (this.#untold > 0 && this.#characters < mostWaiting / 2) {
      const dropped = this.#untold;
      this.#untold = 0;
      this.#onRecovered(dropped);
    }
    if (this.#hurried || this.#characters >= enough) {
      this.#hurried = false;
      this.flush();
    }
  }

  #pause(ms: number): void {
    this.#pausedUntil = performance.now() + ms;
    setTimeout(() => this.flush(), ms + 1).unref();
  }

  #take(): Buffer {
    const text = this.#lines.join('');
    this.#lines = [];
    this.#characters = 0;
    return Buffer.from(text);
  }

  /**
   * Tries once and ignores failures, because the program is about to end. A chunk that a thread is writing at that time
   * is left to the thread.
   */
  #lastWrite(): void {
    const rest = this.#writing ? [] : [this.#chunk];
    const last = Buffer.concat([...rest, this.#take()]);
    this.#chunk = Buffer.alloc(0);
    try {
      if (last.length > 0) writeSync(this.#fd, last);
    } catch {
      // The output is full, or has no reader any more.
    }
  }
}

/**
 * Returns a descriptor that does not block. A file is written in a thread and is fine as it is. A pipe or terminal
 * would block that thread, and so the end of the program, until somebody reads it. It is therefore opened a second time
 * as non-blocking, which does not affect the processes that share it.
 */
function neverBlocking(fd: number): number {
  try {
    if (fstatSync(fd).isFile()) return fd;
    return openSync(`/dev/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A socket, another user's pipe, or a system without /dev/fd. Node's own stream makes the descriptor non-blocking.
    (fd === 2 ? process.stderr : process.stdout).on('error', () => undefined);
    return fd;
  }
}
