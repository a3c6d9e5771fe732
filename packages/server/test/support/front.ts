import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * A load balancer in front of the nodes. Each request goes to the next node. A node that refuses the connection is
 * skipped. A GET that breaks before its reply is sent to another node; any other broken request gets 502, because it
 * may have been carried out. Replies are passed through as they arrive, as streams need.
 */
export class Front {
  /** The addresses of the nodes. An address may be dead. The owner of the nodes changes the list. */
  readonly nodes: URL[];
  /** The number of replies by status. The load balancer itself sends 502. */
  readonly statuses = new Map<number, number>();
  readonly #connections = new Agent({ keepAlive: true });
  readonly #listener: Server;
  #turn = 0;
  #look: () => void = () => undefined;

  private constructor(nodes: readonly string[]) {
    this.nodes = nodes.map((url) => new URL(url));
    this.#listener = createServer((incoming, reply) => void this.#pass(incoming, reply));
  }

  static async before(nodes: readonly string[]): Promise<Front> {
    const front = new Front(nodes);
    front.#listener.listen(0, '127.0.0.1');
    await once(front.#listener, 'listening');
    onTestFinished(() => front.close());
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  /** The number of all replies, and of those with 502 or 503. */
  get counts(): { all: number; unavailable: number } {
    const all = [...this.statuses.values()].reduce((sum, count) => sum + count, 0);
    return { all, unavailable: (this.statuses.get(502) ?? 0) + (this.statuses.get(503) ?? 0) };
  }

  /** Waits until `count` more requests have been answered. */
  untilReplies(count: number): Promise<void> {
    const enough = this.counts.all + count;
    return new Promise((resolve) => {
      this.#look = () => {
        if (this.counts.all >= enough) resolve();
      };
    });
  }

  close(): void {
    this.#listener.close();
    this.#listener.closeAllConnections();
    this.#connections.destroy();
  }

  async #pass(incoming: IncomingMessage, reply: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const first = this.#turn++;
    const order = this.nodes.map((_, i) => this.nodes[(first + i) % this.nodes.length]!);
    for (const node of order) {
      const response = await this.#ask(node, incoming, Buffer.concat(chunks), reply);
      if (response === 'not there' || (response === 'broken' && incoming.method === 'GET')) continue;
      if (response === 'broken') break;
      this.#count(response.statusCode!);
      reply.writeHead(response.statusCode!, response.headers);
      response.on('error', () => reply.destroy());
      response.pipe(reply);
      return;
    }
    this.#count(502);
    reply.writeHead(502, { 'content-type': 'application/json' }).end('{"error":"Bad gateway"}');
  }

  #ask(
    node: URL,
    { method, url, headers }: IncomingMessage,
    body: Buffer,
    reply: ServerResponse,
  ): Promise<IncomingMessage | 'not there' | 'broken'> {
    return new Promise((resolve) => {
      const asked = request(new URL(url!, node), { method: method!, headers, agent: this.#connections });
      asked.once('response', resolve);
      asked.once('error', ({ code }: NodeJS.ErrnoException) =>
        resolve(code === 'ECONNREFUSED' ? 'not there' : 'broken'),
      );
      // The client closed its connection: cancel the request to the node.
      reply.once('close', () => asked.destroy());
      asked.end(body);
    });
  }

  #count(status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    this.#look();
  }
}
