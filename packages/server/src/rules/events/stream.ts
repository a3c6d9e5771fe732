import type { EventType } from '@pinchwork/sdk';
import type { Clock } from '../../ground/clock.ts';
import type { EventRecord } from './queries.ts';
import { comment, eventJson, frame, resetFrame, retryLine } from './wire.ts';

/** How soon a reader that was cut off should come back. */
const retryMs = 2_000;
/** Looks, a second apart: a quiet stream sends a comment after so many, and a reader who has not caught up is cut off. */
const looksUntilComment = 15;
const looksUntilCut = 30;
/** Events of one read, and characters of one write. A read that the reader can't take whole is read again later. */
const readSize = 200;
const writeSize = 16 * 1024;

/** Where a stream's text goes: one reader. */
export interface Sink {
  /** @returns false when the reader has fallen behind; `EventStream.drained` must be called when it has caught up. */
  write(text: string): boolean;
  /** Ends the reply; `cut`: breaks the connection, whatever waits on it. */
  end(cut: boolean): void;
}

/** What a stream needs of the server that it runs on. */
export interface Source {
  readonly clock: Clock;
  read(agentId: string, after: number, limit: number): Promise<readonly EventRecord[]>;
  failed(error: unknown): void;
  ended(stream: EventStream): void;
}

/**
 * One reader's stream. It holds no events: it knows a position, and reads on from there whenever it is woken and its reader
 * has taken what came before. So the change from stored to live events is none, and a slow reader costs one write's worth
 * of memory.
 */
export class EventStream {
  readonly agentId: string;
  readonly #source: Source;
  readonly #types: ReadonlySet<string> | undefined;
  #sink: Sink | undefined;
  /** The last event that has been read, and the last that the reader has been told of. */
  #position = 0;
  #told = 0;
  /** There may be more to read. */
  #wanted = true;
  #reading = false;
  /** An event has been written. */
  #hasBegun = false;
  #ended = false;
  #drained: (() => void) | undefined;
  #quietLooks = 0;
  #lateLooks = 0;

  /** @param types the only events to tell of; undefined: all. */
  constructor(source: Source, agentId: string, types: readonly EventType[] | undefined) {
    this.#source = source;
    this.agentId = agentId;
    this.#types = types === undefined || types.length === 0 ? undefined : new Set(types);
  }

  get position(): number {
    return this.#position;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Begins to send.
   *
   * @param after the last event that the reader knows.
   * @param greeting what to say first: how the position came about.
   */
  start(sink: Sink, after: number, greeting: 'resumed' | 'reset' | 'from now on'): void {
    this.#sink = sink;
    this.#position = this.#told = after;
    if (this.#ended) {
      sink.write(comment());
      sink.end(false);
      return;
    }
    this.#write(comment(greeting === 'from now on' ? after : undefined));
    if (greeting === 'reset') this.#writeEvents(resetFrame(after, this.#source.clock.now()));
    void this.#run();
  }

  /** There is, or may be, something new. */
  wake(): void {
    this.#wanted = true;
    if (this.#sink !== undefined && !this.#reading) void this.#run();
  }

  /** Call it once a second. A stream that has not begun yet has nobody to write to. */
  look(): void {
    if (this.#sink === undefined) return;
    if (this.#drained !== undefined) {
      if (++this.#lateLooks >= looksUntilCut) this.end(true);
      return;
    }
    this.#lateLooks = 0;
    if (++this.#quietLooks >= looksUntilComment) this.#comment();
    // A read that failed.
    if (this.#wanted && !this.#reading) this.wake();
  }

  /** The reader has taken all that was written. */
  drained(): void {
    this.#drained?.();
  }

  /** @param cut breaks the connection; so is that of a reader who is behind, and would see a proper end late or never. */
  end(cut = false): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sink?.end(cut || this.#drained !== undefined);
    this.#drained?.();
    this.#source.ended(this);
  }

  async #run(): Promise<void> {
    this.#reading = true;
    try {
      while (this.#wanted && !this.#ended) {
        this.#wanted = false;
        const events = await this.#source.read(this.agentId, this.#position, readSize);
        // `end` may have been called meanwhile, which the compiler does not see.
        if (this.ended) return;
        this.#wanted ||= events.length === readSize;
        if (!this.#send(events)) await this.#catchUp();
      }
    } catch (error) {
      // Tried again at the next look.
      this.#wanted = true;
      this.#source.failed(error);
    } finally {
      this.#reading = false;
    }
  }

  /** Writes events until the reader falls behind. @returns whether it has taken them all. */
  #send(events: readonly EventRecord[]): boolean {
    let text = '';
    for (const event of events) {
      // Pruned while the reader was behind.
      if (event.number !== this.#position + 1) text += resetFrame(event.number - 1, this.#source.clock.now());
      this.#position = event.number;
      if (this.#types?.has(event.type) === false) continue;
      this.#told = event.number;
      text += frame(event.number, event.type, eventJson(event));
      if (text.length < writeSize) continue;
      if (!this.#writeEvents(text)) {
        this.#wanted = true;
        return false;
      }
      text = '';
    }
    return text === '' || this.#writeEvents(text);
  }

  #writeEvents(text: string): boolean {
    const opening = this.#hasBegun ? '' : retryLine(retryMs);
    this.#hasBegun = true;
    return this.#write(opening + text);
  }

  #write(text: string): boolean {
    this.#quietLooks = 0;
    return this.#sink!.write(text);
  }

  #comment(): void {
    const spared = this.#position > this.#told;
    this.#write(comment(spared ? this.#position : undefined));
    this.#told = this.#position;
  }

  /** Waits until the reader has taken what was written, or the stream has ended. */
  async #catchUp(): Promise<void> {
    await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#drained = undefined;
    this.#lateLooks = 0;
  }
}
