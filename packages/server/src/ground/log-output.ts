import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';

/** Lines are written together, at most so much later: after a `kill -9` the last second may be missing. */
const flushMs = 1_000;
/** From so many characters on, they are written at once. */
const enough = 8 * 1024;
/** What may wait while the output takes nothing; lines beyond it are counted and dropped. */
const mostWaiting = 1024 * 1024;
/** Before the next attempt: at an output that is full for the moment (a pipe), and at one that failed (a disk). */
const fullMs = 50;
const failedMs = 1_000;

/**
 * Lines of text on their way into a file, a pipe or a terminal. It never blocks, never throws and holds a bounded
 * amount: while the output takes nothing (a full disk, a pipe that nobody reads, a terminal that is halted), lines are
 * kept up to a megabyte and then dropped.
 */
export class LogOutput {
  /** Lines dropped since the beginning. */
  dropped = 0;
  readonly #fd: number;
  readonly #onRecovered: (dropped: number) => void;
  readonly #timer: NodeJS.Timeout;
  #lines: string[] = [];
  #characters = 0;
  /** What is being written, and how far it is. */
  #chunk: Buffer = Buffer.alloc(0);
  #writing = false;
  #pausedUntil = 0;
  /** Drops that no line has told of yet. */
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

  /** Takes one or more whole lines. */
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

  /** Writes what waits, as soon as the output takes it. */
  flush(): void {
    if (!this.#writing && performance.now() >= this.#pausedUntil) this.#writeNext();
  }

  /** Writes what waits, once, and no more from then on. */
  close(): void {
    clearInterval(this.#timer);
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
      if (error !== null) this.#pause(error.code === 'EAGAIN' ? fullMs : failedMs);
      else if (this.#chunk.length > 0) this.flush();
      else this.#written();
    });
  }

  #written(): void {
    // Not while it is about to be full again, or each portion would have a line of its own.
    if (this.#untold > 0 && this.#characters < mostWaiting / 2) {
      const dropped = this.#untold;
      this.#untold = 0;
      this.#onRecovered(dropped);
    }
    if (this.#characters >= enough) this.flush();
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

  /** Tries once, whatever comes of it: the program is about to end. What a thread is writing just then is its own. */
  #lastWrite(): void {
    const rest = this.#writing ? [] : [this.#chunk];
    const last = Buffer.concat([...rest, this.#take()]);
    this.#chunk = Buffer.alloc(0);
    try {
      if (last.length > 0) writeSync(this.#fd, last);
    } catch {
      // Full, or nobody reads any more.
    }
  }
}

/**
 * A file takes what it is given in a thread. Pipes and terminals would keep that thread, and with it the end of the
 * program, for as long as nobody reads: they are opened anew, so that the processes they are shared with notice nothing.
 */
function neverBlocking(fd: number): number {
  try {
    if (fstatSync(fd).isFile()) return fd;
    return openSync(`/dev/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A socket, a pipe of another user's, or a system without /dev/fd: Node's own stream switches the descriptor over.
    (fd === 2 ? process.stderr : process.stdout).on('error', () => undefined);
    return fd;
  }
}
