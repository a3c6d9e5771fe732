import { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { secondMs } from '../../ground/clock.ts';
import { overloaded } from '../../ground/errors.ts';

/** A reply up to this length is always sent. Most are far shorter. */
const smallBytes = 64 * 1024;

/** After this many checks without progress a connection counts as stalled. */
const looks = 6;

export interface OutputBounds {
  /** The largest total of longer replies in memory at once, in bytes. */
  readonly mostBytes?: number;
  /** How long a client may read nothing of the waiting bytes. */
  readonly stallMs?: number;
}

/** The state of an open connection with requests. */
interface Connection {
  /** Bytes of large replies in memory for this connection. */
  bytes: number;
  /** The state of the waiting bytes at the last check. */
  waiting: string;
  /** How many consecutive checks found no progress. */
  idle: number;
}

/**
 * Bounds the memory of replies, which stay in memory until the client has read them; some clients never do. When too
 * much is in memory, further reads with large replies are refused. A connection whose client reads nothing for too long
 * is cut. Other requests are always answered: they may have changed something, and the client must learn what.
 */
export function boundOutput(
  app: FastifyInstance,
  { mostBytes = 256 * 1024 * 1024, stallMs = 30 * secondMs }: OutputBounds = {},
): void {
  const connections = new Map<Socket, Connection>();
  let inFlight = 0;

  // Does not use the server's `connection` event, because on `localhost` Fastify listens with a second server.
  app.addHook('onRequest', ({ raw: { socket } }, _reply, done) => {
    if (socket instanceof Socket && !socket.destroyed && !connections.has(socket)) {
      const connection = { bytes: 0, waiting: '', idle: 0 };
      connections.set(socket, connection);
      // A reply queued behind another one on its connection gets no event when the connection closes.
      socket.once('close', () => {
        connections.delete(socket);
        inFlight -= connection.bytes;
      });
    }
    done();
  });

  app.addHook('onSend', (request, reply, payload, done) => {
    const { socket } = request.raw;
    const bytes = typeof payload === 'string' ? Buffer.byteLength(payload) : 0;
    const connection = connections.get(socket);
    if (bytes <= smallBytes || connection === undefined) {
      done();
    } else if (request.method === 'GET' && inFlight + bytes > mostBytes) {
      // These headers belong to the reply that is not sent. The refusal passes this hook again, and is small.
      for (const name of Object.keys(reply.getHeaders())) if (name !== 'x-request-id') reply.removeHeader(name);
      done(overloaded());
    } else {
      inFlight += bytes;
      connection.bytes += bytes;
      reply.raw.once('close', () => {
        if (!connections.has(socket)) return;
        inFlight -= bytes;
        connection.bytes -= bytes;
      });
      done();
    }
  });

  // Counts checks, not time, so that a server that was blocked itself does not blame its clients.
  const timer = setInterval(() => {
    for (const [socket, connection] of connections) {
      const waiting = whatWaits(socket);
      connection.idle = waiting !== '' && waiting === connection.waiting ? connection.idle + 1 : 0;
      connection.waiting = waiting;
      if (connection.idle >= looks) socket.destroy();
    }
  }, stallMs / looks);
  timer.unref();
  app.addHook('onClose', async () => clearInterval(timer));
}

/**
 * A text that changes whenever the client reads some of the waiting bytes. Empty when nothing waits, as in a long poll.
 * `writableLength` and `bytesWritten` do not change within a write, and a whole reply is one write. Only the handle
 * knows how much of it the system has accepted. `socket.setTimeout` uses that too, but its timer also restarts when the
 * client sends something.
 */
function whatWaits(socket: Socket): string {
  if (socket.writableLength === 0) return '';
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly writeQueueSize?: number } | null };
  return `${socket.writableLength} ${handle?.writeQueueSize ?? 0}`;
}
