import { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { secondMs } from '../../ground/clock.ts';
import { overloaded } from '../../ground/errors.ts';

/** A reply up to this length is sent whatever else is under way: most are far shorter. */
const smallBytes = 64 * 1024;

/** How often a connection is looked at before it counts as stalled. */
const looks = 6;

export interface OutputBounds {
  /** How many bytes of longer replies may be in memory at once. */
  readonly mostBytes?: number;
  /** How long a client may take nothing of what waits for it. */
  readonly stallMs?: number;
}

/** A connection with requests, for as long as it is open. */
interface Connection {
  /** Bytes of large replies that it holds in memory. */
  bytes: number;
  /** What waited to be sent at the last look. */
  waiting: string;
  /** How many looks in a row found the same waiting. */
  idle: number;
}

/**
 * Bounds what replies hold in memory: each does until its client has taken it, and some never do. Reads with large
 * replies are turned away when too much is under way, and a connection whose client takes nothing for too long is cut
 * off. Other requests are always answered: they may have changed something, and their clients must learn what.
 */
export function boundOutput(
  app: FastifyInstance,
  { mostBytes = 256 * 1024 * 1024, stallMs = 30 * secondMs }: OutputBounds = {},
): void {
  const connections = new Map<Socket, Connection>();
  let inFlight = 0;

  // Not on the server's `connection`: on `localhost`, Fastify listens with a second server.
  app.addHook('onRequest', ({ raw: { socket } }, _reply, done) => {
    if (socket instanceof Socket && !socket.destroyed && !connections.has(socket)) {
      const connection = { bytes: 0, waiting: '', idle: 0 };
      connections.set(socket, connection);
      // Replies that wait behind another one on their connection are not told that it has closed.
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
      // They tell of the reply that is not sent. The refusal comes by here again, and is small.
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

  // Looks are counted, not time: a server that was itself held up must not blame its clients.
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
 * Changes whenever the client takes something of what waits to be sent; empty if nothing does, as in a long poll.
 * `writableLength` and `bytesWritten` alone don't move within a write, and a whole reply is one write: what the system
 * has not taken of it yet, only the handle knows (it is what `socket.setTimeout` goes by, too; but that timer also
 * starts anew with all that the client sends).
 */
function whatWaits(socket: Socket): string {
  if (socket.writableLength === 0) return '';
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly writeQueueSize?: number } | null };
  return `${socket.writableLength} ${handle?.writeQueueSize ?? 0}`;
}
