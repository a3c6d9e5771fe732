import type { EventType } from '@pinchwork/sdk/table';
import type { Clock } from '../../ground/clock.ts';
import { present } from '../../ground/present.ts';
import type { EventRecord } from './queries.ts';
import { comment, eventJson, frame, resetFrame, retryLine } from './wire.ts';

/** The time after which a client should reconnect. */
const retryMs = 2_000;
/** Numbers of looks, one second apart, until a quiet stream sends a comment and until a slow reader is disconnected. */
export const looksUntilComment = 15;
export const looksUntilCut = 30;
/** Events per read, and characters per write. Events that the reader could not take are read again later. */
const readSize = 200;
const writeSize = 16 * 1024;

/** The connection of one reader. */
export interface Sink {
  /** @returns false if the buffer is full; then `EventStream.drained` must be called once it has been sent. */
  write(text: string): boolean;
  /** Ends the reply. `cut`: closes the connection at once and drops what is buffered. */
  end(cut: boolean): void;
}

/** The services that a stream needs from its server. */
export interface StreamServices {
  readonly clock: Clock;
  read(agentId: string, after: number, limit: number): Promise<readonly EventRecord[]>;
  failed(error: unknown): void;
  ended(stream: EventStream): void;
}

/**
 * The event stream of one reader (contract section 8). It holds a position and no events: it reads on from the
 * position when it is woken and its reader has taken the previous events. So stored and live events are read in the
 * same way, and a slow reader costs the memory of one write.
 */
export class EventStream {
  readonly agentId: string;
  /** The key that it is read with. */
  readonly keyId: string | undefined;
  readonly #services: StreamServices;
  readonly #types: ReadonlySet<string> | undefined;
  #sink: Sink | undefined;
  /** The last event that was read, and the last whose number was sent to the reader. */
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

  /** @param types the types of events to send; undefined or empty for all. */
  constructor(
    services: StreamServices,
    reader: { readonly agentId: string; readonly keyId?: string | undefined },
    types: readonly EventType[] | undefined,
  ) {
    this.#services = services;
    this.agentId = reader.agentId;
    this.keyId = reader.keyId;
    this.#types = types === undefined || types.length === 0 ? undefined : new Set(types);
  }

  get position(): number {
    return this.#position;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Starts to send.
   *
   * @param after number of the last event that the reader knows.
   * @param greeting where the position comes from, which decides the first message.
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
    if (greeting === 'reset') this.#writeEvents(resetFrame(after, this.#services.clock.now()));
    void this.#run();
  }

  /** Makes the stream read, because there may be new events. */
  wake(): void {
    this.#wanted = true;
    if (this.#sink !== undefined && !this.#reading) void this.#run();
  }

  /** Must be called once a second: sends comments, disconnects a slow reader, repeats a failed read. */
  look(): void {
    if (this.#sink === undefined) return;
    if (this.#drained !== undefined) {
      if (++this.#lateLooks >= looksUntilCut) this.end(true);
      return;
    }
    this.#lateLooks = 0;
    if (++this.#quietLooks >= looksUntilComment) this.#comment();
    // The last read failed.
    if (this.#wanted && !this.#reading) this.wake();
  }

  /** Must be called when the reader's buffer is empty again. */
  drained(): void {
    this.#drained?.();
  }

  /**
   * Ends the stream.
   *
   * @param cut closes the connection at once. A slow reader is always disconnected, because a proper end would reach it
   *   late or never.
   */
  end(cut = false): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sink?.end(cut || this.#drained !== undefined);
    this.#drained?.();
    this.#services.ended(this);
  }

  async #run(): Promise<void> {
    this.#reading = true;
    try {
      while (this.#wanted && !this.#ended) {
        this.#wanted = false;
        const events = await this.#services.read(this.agentId, this.#position, readSize);
        // `end` may have been called during the read. The getter keeps the compiler from assuming otherwise.
        if (this.ended) return;
        this.#wanted ||= events.length === readSize;
        if (!this.#send(events)) await this.#catchUp();
      }
    } catch (error) {
      // The next look tries again.
      this.#wanted = true;
      this.#services.failed(error);
    } finally {
      this.#reading = false;
    }
  }

  /** Writes events until the buffer is full. @returns whether all were written and the buffer has room. */
  #send(events: readonly EventRecord[]): boolean {
    let text = '';
    for (const event of events) {
      // Events were pruned while the reader was behind.
      if (event.number !== this.#position + 1) text += resetFrame(event.number - 1, this.#services.clock.now());
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
    return present(this.#sink, 'The sink of an open stream').write(text);
  }

  #comment(): void {
    const spared = this.#position > this.#told;
    this.#write(comment(spared ? this.#position : undefined));
    this.#told = this.#position;
  }

  /** Waits until the buffer is empty or the stream has ended. */
  async #catchUp(): Promise<void> {
    await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#drained = undefined;
    this.#lateLooks = 0;
  }
}
