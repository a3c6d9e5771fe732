import { looksUntilComment, looksUntilCut, type Sink } from '../events/stream.ts';
import { comment, retryLine } from '../events/wire.ts';

/** The time after which a client should reconnect. */
const retryMs = 5_000;

/** An opened stream, which the caller must start or end. */
export interface OpenMarketStream {
  readonly stream: MarketStream;
  readonly after: number;
  readonly greeting: 'from now on';
}

/**
 * The stream of one watcher of the market. It keeps nothing: while the watcher's buffer is full it gets no events, and
 * one that stays full is disconnected.
 */
export class MarketStream {
  readonly #ends: (() => void)[];
  #sink: Sink | undefined;
  #isFull = false;
  #hasBegun = false;
  #ended = false;
  #quietLooks = 0;
  #lateLooks = 0;

  constructor(ended: () => void) {
    this.#ends = [ended];
  }

  /** Calls `ended` when the stream ends. */
  onEnd(ended: () => void): void {
    this.#ends.push(ended);
  }

  start(sink: Sink): void {
    this.#sink = sink;
    this.#write(comment());
    if (this.#ended) sink.end(false);
  }

  /** Sends events, as text, unless the watcher has yet to take earlier ones. */
  send(text: string): void {
    if (this.#sink === undefined || this.#isFull) return;
    const opening = this.#hasBegun ? '' : retryLine(retryMs);
    this.#hasBegun = true;
    this.#write(opening + text);
  }

  /** Must be called once a second: sends comments, and disconnects a watcher that takes nothing. */
  look(): void {
    if (this.#sink === undefined) return;
    if (this.#isFull) {
      if (++this.#lateLooks >= looksUntilCut) this.end(true);
      return;
    }
    this.#lateLooks = 0;
    if (++this.#quietLooks >= looksUntilComment) this.#write(comment());
  }

  /** Must be called when the watcher's buffer is empty again. */
  drained(): void {
    this.#isFull = false;
  }

  /** @param cut closes the connection at once, as for a watcher whose buffer is full. */
  end(cut = false): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sink?.end(cut || this.#isFull);
    for (const ended of this.#ends) ended();
  }

  #write(text: string): void {
    this.#quietLooks = 0;
    this.#isFull = this.#sink?.write(text) === false;
  }
}
