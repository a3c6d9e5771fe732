import { connect, type Socket } from 'node:net';
import { Connection, expectStatus, fieldsOf, postTemplate, type Reply } from '../http.ts';

/** The first address of the attacker; honest clients have others. On Linux all of 127.0.0.0/8 is this machine. */
const firstAddress = [127, 0, 66, 1] as const;

/** A hostile client and its means. */
export class Attacker {
  readonly url: URL;
  readonly host: string;
  /** The admin key, to make what an attacker has saved up, such as credits. */
  readonly adminKey: string;
  /** The keys of its accounts. */
  readonly keys: string[] = [];
  readonly #sockets = new Set<Socket>();

  constructor(url: URL, adminKey: string) {
    this.url = url;
    this.host = url.host;
    this.adminKey = adminKey;
  }

  /** One of its addresses. */
  address(number = 0): string {
    const [a, b, c, d] = firstAddress;
    return [a, b, c + Math.floor((d + number) / 250), (d + number) % 250].join('.');
  }

  /** Registers an account, by default from an address of its own. @returns its key. */
  async register(address = this.address(this.keys.length)): Promise<string> {
    const connection = await Connection.open(this.url, address);
    const reply = await connection.send(postTemplate(this.host, undefined, { name: 'attacker' })('/v1/register'));
    connection.close();
    const key = fieldsOf(expectStatus(reply, 201)).api_key as string;
    this.keys.push(key);
    return key;
  }

  /** Sends one request over a connection of its own and reads the reply. */
  async send(request: string, address = this.address()): Promise<Reply> {
    const connection = await Connection.open(this.url, address);
    try {
      return await connection.send(request);
    } finally {
      connection.close();
    }
  }

  /**
   * Opens a connection, sends bytes, and leaves it open. Whatever is answered is read and ignored.
   *
   * @param read `false`: nothing is read.
   */
  socket(bytes: string | Uint8Array = '', { address = this.address(), read = true } = {}): Socket {
    const { hostname, port } = this.url;
    const socket = connect({ host: hostname, port: Number(port), localAddress: address });
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    if (read) socket.resume();
    if (bytes.length > 0) socket.write(bytes);
    return socket;
  }

  /**
   * Sends a request repeatedly on each of several connections, the next one when the last has been answered. Opens a new
   * connection whenever one is closed.
   *
   * @param request the whole request as it goes over the wire.
   */
  async repeat(request: string | Uint8Array, connections: number, signal: AbortSignal): Promise<void> {
    // Encoded once: this thread should spend its time in sending.
    const bytes = Buffer.from(request as string, 'latin1');
    const lane = async () => {
      while (!signal.aborted) {
        const socket = this.socket(bytes);
        let isSent = true;
        socket.on('data', () => {
          // A reply may come in several pieces.
          if (!isSent) return;
          isSent = false;
          socket.write(bytes, () => (isSent = true));
        });
        await closed(socket, signal);
      }
    };
    await Promise.all(Array.from({ length: connections }, lane));
  }

  /**
   * Keeps several connections open that have sent these bytes and then nothing. Opens another one some time after one
   * is closed.
   */
  async hold(
    request: string | Uint8Array,
    connections: number,
    signal: AbortSignal,
    againAfterMs = 2_000,
  ): Promise<void> {
    const bytes = Buffer.from(request as string, 'latin1');
    const lane = async () => {
      while (!signal.aborted) {
        await closed(this.socket(bytes), signal);
        await new Promise((resolve) => setTimeout(resolve, againAfterMs));
      }
    };
    await Promise.all(Array.from({ length: connections }, lane));
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Resolves when the socket or the attack has ended. */
function closed(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      signal.removeEventListener('abort', end);
      // A server that refuses every connection must not make this a busy loop.
      setTimeout(resolve, 5);
    };
    socket.once('close', end);
    signal.addEventListener('abort', end);
  });
}

/** A POST whose body is announced with this length, or in chunks when it has none. The body does not follow. */
export const announce = (
  host: string,
  path: string,
  key: string | undefined,
  { length, type = 'application/json' }: { readonly length?: number; readonly type?: string | undefined } = {},
) =>
  `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\nContent-Type: ${type}\r\n` +
  (key === undefined ? '' : `Authorization: Bearer ${key}\r\n`) +
  (length === undefined ? 'Transfer-Encoding: chunked\r\n\r\n' : `Content-Length: ${length}\r\n\r\n`);

/** A whole POST of JSON. */
export const post = (host: string, path: string, key: string | undefined, body: string) =>
  announce(host, path, key, { length: Buffer.byteLength(body) }) + body;
