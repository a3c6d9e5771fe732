import { connect, type Socket } from 'node:net';

export interface Reply {
  readonly status: number;
  /** One character per byte. The benchmark's texts are ASCII, so that is the text. */
  readonly body: string;
}

/**
 * A keep-alive HTTP/1.1 connection with one request under way at a time.
 *
 * It parses only what both sides send: a status and a body with `Content-Length`. It shares the machine with the
 * programs that it measures, so every microsecond here lowers both figures and moves their ratio towards 100 %.
 */
export class Connection {
  readonly #socket: Socket;
  #received = '';
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('The connection was closed')));
  }

  /** @param from the address to connect from. */
  static open({ hostname, port }: URL, from?: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const localAddress = from === undefined ? {} : { localAddress: from };
      const socket = connect({ host: hostname, port: Number(port), ...localAddress });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket));
      });
    });
  }

  /** @param request the whole request as it goes over the wire, ASCII. */
  send(request: string): Promise<Reply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(request, 'latin1');
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received += chunk.toString('latin1');
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1) return;
    const status = Number(this.#received.slice(9, 12));
    const length = status === 204 ? 0 : contentLength(this.#received, headEnd);
    const bodyStart = headEnd + 4;
    if (length === undefined) this.#fail(new Error(`No content-length:\n${this.#received.slice(0, headEnd)}`));
    else if (this.#received.length >= bodyStart + length) {
      const body = this.#received.slice(bodyStart);
      this.#received = '';
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.resolve({ status, body });
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

const lengthHeader = /\r\ncontent-length: *(\d+)/i;

function contentLength(received: string, headEnd: number): number | undefined {
  const match = lengthHeader.exec(received);
  return match === null || match.index > headEnd ? undefined : Number(match[1]);
}

/** A GET as it goes over the wire. */
export const getRequest = (host: string, key: string | undefined, path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\n` +
  `${key === undefined ? '' : `Authorization: Bearer ${key}\r\n`}\r\n`;

/** A POST with a JSON body or none, as it goes over the wire, in two parts: before and after the path. */
export function postTemplate(host: string, key: string | undefined, body?: object) {
  const text = body === undefined ? '' : JSON.stringify(body);
  const rest =
    ` HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\n` +
    (key === undefined ? '' : `Authorization: Bearer ${key}\r\n`) +
    (body === undefined ? '' : 'Content-Type: application/json\r\n') +
    `Content-Length: ${text.length}\r\n\r\n${text}`;
  return (path: string) => `POST ${path}${rest}`;
}

/** @throws Error when a reply has none of these statuses. */
export function expectStatus<R extends Reply>(reply: R, ...statuses: number[]): R {
  if (!statuses.includes(reply.status)) throw new Error(`The server answered ${reply.status}: ${reply.body}`);
  return reply;
}

export const fieldsOf = (reply: Reply) => JSON.parse(reply.body) as Record<string, unknown>;

export const taskIdOf = (reply: Reply) => fieldsOf(reply).task_id as string;
