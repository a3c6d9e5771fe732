import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A proxy between a server and its PostgreSQL that simulates a bad network. */
export class Proxy {
  readonly #target: URL;
  readonly #open = new Set<Socket>();
  #listener: Server | undefined;
  #port = 0;
  #frozen = false;
  /** The transaction to cut: a text that it sends, and the callback. */
  #victim: { text: string; cut: () => void } | undefined;

  private constructor(target: URL) {
    this.#target = target;
  }

  static async before(databaseUrl: string): Promise<Proxy> {
    const proxy = new Proxy(new URL(databaseUrl));
    await proxy.restore();
    onTestFinished(() => proxy.cut());
    return proxy;
  }

  /** The database's own address. */
  get target(): string {
    return this.#target.href;
  }

  /** The database's address through this proxy. */
  get url(): string {
    const url = new URL(this.#target);
    url.port = String(this.#port);
    return url.href;
  }

  /** Breaks all connections, and refuses new ones. */
  cut(): void {
    this.#listener?.close();
    for (const socket of this.#open) socket.destroy();
  }

  /** Keeps all connections open but forwards nothing. */
  freeze(): void {
    this.#frozen = true;
  }

  /** Forwards new data again. */
  thaw(): void {
    this.#frozen = false;
  }

  /** Forwards everything again, as at the start. */
  async restore(): Promise<void> {
    this.#listener = createServer((client) => this.#join(client)).listen(this.#port, this.#target.hostname);
    await once(this.#listener, 'listening');
    this.#port = (this.#listener.address() as AddressInfo).port;
  }

  /**
   * Breaks the connection of the next transaction that sends a certain text, so that no reply
   * arrives from its commit on.
   *
   * @returns a promise of the moment when the database has committed and the connection is broken.
   */
  cutAtCommitOf(text: string): Promise<void> {
    return new Promise((resolve) => (this.#victim = { text, cut: resolve }));
  }

  #join(client: Socket): void {
    const database = connect(Number(this.#target.port), this.#target.hostname);
    let carries = false;
    let cut: (() => void) | undefined;
    let unheard = '';
    const ends = [client, database];
    for (const socket of ends) {
      this.#open.add(socket);
      // A broken connection is what this is for; "close" follows.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#open.delete(socket);
        for (const end of ends) end.destroy();
      });
    }
    client.on('data', (chunk: Buffer) => {
      carries ||= this.#victim !== undefined && chunk.includes(this.#victim.text);
      if (carries && chunk.includes('commit\0')) {
        cut ??= this.#victim?.cut;
        this.#victim = undefined;
      }
      if (!this.#frozen) database.write(chunk);
    });
    database.on('data', (chunk: Buffer) => {
      if (this.#frozen) return;
      if (cut === undefined) {
        client.write(chunk);
        return;
      }
      unheard += chunk.toString('latin1');
      if (!unheard.includes('COMMIT\0')) return;
      client.destroy();
      cut();
    });
  }
}
