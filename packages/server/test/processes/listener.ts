import type { Message, StreamReader } from '../support/streams.ts';

/** Opens a stream after a position; undefined if no server can open one now. */
type OpenStream = (lastId: number) => Promise<StreamReader | undefined>;

/**
 * Follows an agent's stream from its beginning over as many connections as needed. Each connection resumes where the
 * previous one broke.
 */
export class Listener {
  readonly messages: Message[] = [];
  /** Connections that broke. */
  cuts = 0;
  readonly #open: OpenStream;
  readonly #over: Promise<void>;
  #reader: StreamReader | undefined;
  #goesOn = true;

  constructor(open: OpenStream) {
    this.#open = open;
    this.#over = this.#listen();
    // `stop` reports the failure.
    this.#over.catch(() => undefined);
  }

  get lastId(): number {
    return this.messages.at(-1)?.id ?? 0;
  }

  /** Cuts the connection, at any moment, and stops reading. */
  async stop(): Promise<void> {
    this.#goesOn = false;
    this.#reader?.cut();
    await this.#over;
  }

  /** After `stop`, reads on to the event with this number. */
  async readTo(last: number): Promise<void> {
    while (this.lastId < last) await this.#take((reader) => reader.messages.at(-1)?.id === last);
  }

  async #listen(): Promise<void> {
    while (this.#goesOn) await this.#take(() => !this.#goesOn);
  }

  /** Reads messages from one connection until `isEnough`. */
  async #take(isEnough: (reader: StreamReader) => boolean): Promise<void> {
    const reader = await this.#open(this.lastId);
    if (reader === undefined) return;
    this.#reader = reader;
    await reader.until(isEnough);
    if (reader.ended && this.#goesOn) this.cuts++;
    reader.cut();
    this.messages.push(...reader.messages);
  }
}
