import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type Agent, claimTask, type Market } from './market.ts';

/** A message of a stream, as a browser would take it apart (WHATWG HTML, 9.2). */
export interface Message {
  readonly id: number;
  readonly event: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- events of every type
  readonly data: any;
}

/** Lets a market answer on a socket. @returns its address, and its ends of the connections that are open. */
export async function listen({ app }: Market): Promise<{ url: string; sockets: ReadonlySet<Socket> }> {
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, sockets };
}

interface StreamOptions {
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Reads nothing until `resume`. */
  readonly paused?: boolean;
}

/** In real time. The tests' clocks stand still meanwhile. */
const stalledMs = 60_000;

/** A client of an event stream over a connection of its own. */
export class StreamReader {
  readonly response: IncomingMessage;
  /** All received text, unparsed. */
  text = '';
  readonly messages: Message[] = [];
  /** The position to resume from: that of the last event or of a later comment. */
  lastId: number | undefined;
  ended = false;
  readonly #request: ClientRequest;
  #unread = '';
  #changed: () => void = () => undefined;

  private constructor(sent: ClientRequest, response: IncomingMessage, paused: boolean) {
    this.#request = sent;
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#take(text));
    response.on('error', () => undefined);
    response.once('close', () => {
      this.ended = true;
      this.#changed();
    });
    if (paused) response.pause();
    onTestFinished(() => this.cut());
  }

  /** @throws the connection's error when it breaks before the headers are here. */
  static async open(
    url: string,
    { key }: Pick<Agent, 'key'>,
    { query = '', headers = {}, paused = false }: StreamOptions = {},
  ): Promise<StreamReader> {
    const sent = request(`${url}/v1/events${query}`, {
      agent: false,
      headers: { authorization: `Bearer ${key}`, ...headers },
    });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    // Later errors go to the response.
    sent.on('error', () => undefined);
    return new StreamReader(sent, response, paused);
  }

  get status(): number {
    return this.response.statusCode!;
  }

  #take(text: string): void {
    this.text += text;
    const blocks = this.#withoutComments(this.#unread + text).split('\n\n');
    this.#unread = blocks.pop()!;
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]));
      if (fields.has('id')) this.lastId = Number(fields.get('id'));
      const data = fields.get('data');
      if (data === undefined) continue;
      this.messages.push({ id: this.lastId!, event: fields.get('event')!, data: JSON.parse(data) });
    }
    this.#changed();
  }

  /** Comments have no empty line after them: they stand before an event, or at the end. */
  #withoutComments(text: string): string {
    return text.replace(/^: (?:at (\d+)|still here)\n/gm, (_, position?: string) => {
      if (position !== undefined) this.lastId = Number(position);
      return '';
    });
  }

  /**
   * Waits until `holds` returns true or the stream ends.
   *
   * @throws Error with the last text if nothing arrives for 60 s: even after a lost wake-up, a stream continues
   *   within a second.
   */
  async until(holds: (reader: this) => boolean): Promise<this> {
    while (!holds(this) && !this.ended) {
      await new Promise<void>((resolve, reject) => {
        const stalled = setTimeout(() => reject(new Error(this.#state())), stalledMs);
        this.#changed = () => {
          clearTimeout(stalled);
          resolve();
        };
      });
    }
    return this;
  }

  #state(): string {
    const tail = this.text.slice(-200);
    return `The stream stalled behind ${this.lastId ?? 'no id'} after ${this.messages.length} messages; the last text: ${tail}`;
  }

  /** Waits until the server ends it. */
  untilEnd(): Promise<this> {
    return this.until(() => false);
  }

  /** Waits for `count` messages. */
  untilMessages(count: number): Promise<this> {
    return this.until(({ messages }) => messages.length >= count);
  }

  get ids(): number[] {
    return this.messages.map(({ id }) => id);
  }

  resume(): void {
    this.response.resume();
  }

  /** Breaks the connection. */
  cut(): void {
    this.#request.destroy();
  }
}

/** More requests at a time would wait too long for a connection on a busy machine. */
const atOnce = 50;

/** Two agents of one task: each message of the worker is an event for the poster. */
export interface Conversation {
  readonly poster: Agent;
  readonly worker: Agent;
  readonly task: string;
  /** Sends `count` messages from the worker, up to `atOnce` of them at the same time. */
  say(count: number, text?: string): Promise<void>;
}

/** The poster already has the event of the claim: its stream is at position 1. */
export async function converse(market: Pick<Market, 'register'>): Promise<Conversation> {
  const [poster, worker] = [await market.register('poster'), await market.register('worker')];
  const task = await claimTask(poster, worker);
  const say = async (count: number, message = 'Half done') => {
    const send = async () => {
      const { status, text } = await worker.post(`/v1/tasks/${task}/messages`, { message });
      if (status !== 201) throw new Error(`A message was answered ${status}: ${text}`);
    };
    for (let sent = 0; sent < count; sent += atOnce) {
      await Promise.all(Array.from({ length: Math.min(atOnce, count - sent) }, send));
    }
  };
  return { poster, worker, task, say };
}

/** The whole numbers from `first` to `last`. */
export const numbers = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
