import { performance } from 'node:perf_hooks';
import { Connection, getRequest, postTemplate, type Reply } from '../http.ts';
import type { Speaker } from './world.ts';

/** A reply, and how long it took from sending the request. */
export type TimedReply = Reply & { readonly ms: number };

/** One connection to the server, for any agent's requests, one after the other. */
export class Requests {
  readonly #connection: Connection;
  readonly #host: string;

  private constructor(connection: Connection, host: string) {
    this.#connection = connection;
    this.#host = host;
  }

  static async open(url: URL): Promise<Requests> {
    return new Requests(await Connection.open(url), url.host);
  }

  close(): void {
    this.#connection.close();
  }

  get(path: string, agent?: Speaker): Promise<TimedReply> {
    return this.#send(getRequest(this.#host, agent?.key, path));
  }

  post(path: string, agent: Speaker | undefined, body?: object): Promise<TimedReply> {
    return this.#send(postTemplate(this.#host, agent?.key, body)(path));
  }

  async #send(request: string): Promise<TimedReply> {
    const sentAt = performance.now();
    const reply = await this.#connection.send(request);
    return { ...reply, ms: performance.now() - sentAt };
  }
}
