import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A request that came in at a webhook. */
interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The JSON body. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into bodies of every shape
  readonly body: any;
}

/** What a receiver does with the n-th request, from 1. */
export type Behaviour = (response: ServerResponse, n: number, request: Received) => void;

export const answer =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  (response) =>
    void response.writeHead(status, headers).end();

export const hang: Behaviour = () => undefined;

/** A real HTTP server on this machine that records webhook requests, as an agent's server would. */
export class Receiver {
  readonly received: Received[] = [];
  /** The number of connections so far. */
  connections = 0;
  behaviour: Behaviour;
  port = 0;
  readonly #server = createServer((request, response) => void this.#take(request, response));

  private constructor(behaviour: Behaviour) {
    this.behaviour = behaviour;
    this.#server.on('connection', () => this.connections++);
  }

  static async open(behaviour: Behaviour = answer(200), host = '127.0.0.1'): Promise<Receiver> {
    const receiver = new Receiver(behaviour);
    await new Promise<void>((resolve) => receiver.#server.listen(0, host, resolve));
    receiver.port = (receiver.#server.address() as AddressInfo).port;
    onTestFinished(() => receiver.close());
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      // The sender has gone away.
      return;
    }
    const text = Buffer.concat(chunks).toString();
    const received = { path: request.url!, headers: request.headers, text, body: JSON.parse(text) };
    this.received.push(received);
    this.behaviour(response, this.received.length, received);
  }
}
