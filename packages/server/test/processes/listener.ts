import type { Message, StreamReader } from '../support/streams.ts';

/** Opens a stream from behind a position; undefined when there is none to be had at this moment. */
type OpenStream = (lastId: number) => Promise<StreamReader | undefined>;

/**
 * Follows an agent's stream from its beginning, over as many connections as that takes: each goes on where the one before
 * it broke off.
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
    // Whoever stops it hears of its failure.
    this.#over.catch(() => undefined);
  }

  get lastId(): number {
    return this.messages.at(-1)?.id ?? 0;
  }

  /** Breaks off at any moment. */
  async stop(): Promise<void> {
    this.#goesOn = false;
    this.#reader?.cut();
    await this.#over;
  }

  /** Reads on, once it has been stopped, to the event of this number. */
  async readTo(last: number): Promise<void> {
    while (this.lastId < last) await this.#take((reader) => reader.messages.at(-1)?.id === last);
  }

  async #listen(): Promise<void> {
    while (this.#goesOn) await this.#take(() => !this.#goesOn);
  }

  /** Takes what comes on one connection, until there is enough. */
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
