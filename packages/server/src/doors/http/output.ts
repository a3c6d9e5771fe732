import { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { secondMs } from '../../ground/clock.ts';
import { overloaded } from '../../ground/errors.ts';
import type { Part } from '../../rules/limits/part.ts';
import { holderOf, type Shares } from '../../rules/limits/shares.ts';

/** A reply up to this length is always sent. Most are far shorter. */
const smallBytes = 64 * 1024;
/** A reply with texts of this many UTF-16 units takes some milliseconds to write as JSON. */
const longUnits = 32 * 1024;

/** After this many checks without progress a connection counts as stalled. */
const looks = 6;

interface OutputOptions {
  readonly shares: Pick<Shares, 'reply_bytes' | 'loop'>;
  /** Counts the bytes of a reply for the agent that gets it. */
  noteRead(agentId: string, bytes: number): void;
  /** How long a client may read nothing of the waiting bytes. */
  readonly stallMs?: number;
}

/** The state of an open connection with requests. */
interface Connection {
  /** What its long replies hold of the share. */
  readonly parts: Set<Part>;
  /** The state of the waiting bytes at the last check. */
  waiting: string;
  /** How many consecutive checks found no progress. */
  idle: number;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What its reply holds of the share `reply_bytes`. Undefined: nothing. */
    replyPart: Part | undefined;
    /** Whether it repeats an earlier request, whose reply it gets. */
    isRepetition: boolean;
    /** Whether it changes nothing, where its method does not say so. Undefined: its method says so. */
    isRead: boolean | undefined;
  }
}

/**
 * Bounds the memory of replies, which stay in memory until the client has read them; some clients never do. When too
 * much is in memory, the holder with most of it loses replies (docs/security.md): its further reads are refused, and the
 * oldest reply that it has not read is cut when somebody else needs the memory. A connection whose client reads nothing
 * for too long is cut too. Requests that may have changed something are always answered: the client must learn what. A
 * repetition with an idempotency key has changed nothing.
 *
 * @returns the turns in which long replies are made.
 */
export function boundOutput(app: FastifyInstance, options: OutputOptions): ReplyTurns {
  const output = new Output(options.shares);
  app.decorateRequest('replyPart');
  app.decorateRequest('isRepetition', false);
  app.decorateRequest('isRead');
  // Does not use the server's `connection` event, because on `localhost` Fastify listens with a second server.
  app.addHook('onRequest', ({ raw: { socket } }, _reply, done) => {
    output.know(socket);
    done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    const bytes = typeof payload === 'string' || payload instanceof Uint8Array ? Buffer.byteLength(payload) : 0;
    const agentId = request.caller?.agentId ?? '';
    if (agentId !== '') options.noteRead(agentId, bytes);
    if (bytes <= smallBytes || output.reserve(request, bytes) || !changesNothing(request)) {
      done();
      return;
    }
    // These headers belong to the reply that is not sent. The refusal passes this hook again, and is small.
    for (const name of Object.keys(reply.getHeaders())) if (name !== 'x-request-id') reply.removeHeader(name);
    done(overloaded());
  });
  app.addHook('onResponse', (request, _reply, done) => {
    output.release(request);
    done();
  });
  // Counts checks, not time, so that a server that was blocked itself does not blame its clients.
  const timer = setInterval(() => output.cutStalled(), (options.stallMs ?? 30 * secondMs) / looks);
  timer.unref();
  app.addHook('onClose', async () => clearInterval(timer));
  return new ReplyTurns(output, options.shares);
}

/** The long replies in memory, by connection. */
class Output {
  readonly #share: Shares['reply_bytes'];
  readonly #connections = new Map<Socket, Connection>();

  constructor({ reply_bytes }: OutputOptions['shares']) {
    this.#share = reply_bytes;
  }

  know(socket: Socket): void {
    if (!(socket instanceof Socket) || socket.destroyed || this.#connections.has(socket)) return;
    const connection: Connection = { parts: new Set(), waiting: '', idle: 0 };
    this.#connections.set(socket, connection);
    // A reply queued behind another one on its connection gets no event when the connection closes.
    socket.once('close', () => {
      this.#connections.delete(socket);
      for (const part of connection.parts) part.release();
    });
  }

  /** Whether a holder has long replies under way. */
  isBusy(holder: string): boolean {
    return this.#share.heldBy(holder) > 0;
  }

  /**
   * Reserves bytes of the share for the reply to a request. One that changes something holds them until they are sent; a read
   * may be cut.
   *
   * @returns false: refused.
   */
  reserve(request: FastifyRequest, bytes: number): boolean {
    const { replyPart: known, raw } = request;
    if (known !== undefined) {
      if (bytes <= known.amount) {
        known.shrink(known.amount - bytes);
        return true;
      }
      return known.grow(bytes - known.amount);
    }
    const connection = this.#connections.get(raw.socket);
    if (connection === undefined) return true;
    const cut = changesNothing(request) ? { cut: () => void raw.socket.destroy() } : {};
    const part = this.#share.take(holderOfRequest(request), bytes, cut);
    if (part === undefined) return false;
    connection.parts.add(part);
    request.replyPart = part;
    return true;
  }

  release({ replyPart, raw: { socket } }: FastifyRequest): void {
    if (replyPart === undefined) return;
    replyPart.release();
    this.#connections.get(socket)?.parts.delete(replyPart);
  }

  cutStalled(): void {
    for (const [socket, connection] of this.#connections) {
      const waiting = whatWaits(socket);
      connection.idle = waiting !== '' && waiting === connection.waiting ? connection.idle + 1 : 0;
      connection.waiting = waiting;
      if (connection.idle >= looks) socket.destroy();
    }
  }
}

/**
 * Long replies are made one at a time, with turns of the event loop in between, so that other requests are answered in between. The holder
 * that was served longest ago is next.
 */
export class ReplyTurns {
  readonly #output: Output;
  readonly #turns: Shares['loop'];

  constructor(output: Output, { loop }: OutputOptions['shares']) {
    this.#output = output;
    this.#turns = loop;
  }

  /**
   * Before the data of a reply are read: a caller that has long replies under way waits for its turn, because this one
   * may be long too. Undefined: no need to wait.
   *
   * @throws DomainError `overloaded` when too many wait.
   */
  toRead(request: FastifyRequest): Promise<void> | undefined {
    if (!isRead(request)) return undefined;
    const holder = holderOfRequest(request);
    return this.#output.isBusy(holder) ? this.#next(holder) : undefined;
  }

  /**
   * Before something short is made of long data, such as a part of a reply. The data count as a reply until the request
   * is answered. Undefined: they are short, so there is no need to wait.
   *
   * @throws DomainError `overloaded` for a read when too many wait, or when too much is in memory.
   */
  toCut(request: FastifyRequest, data: object): Promise<void> | undefined {
    const length = unitsOf(data);
    if (length < longUnits) return undefined;
    const isRefusable = changesNothing(request);
    if (!this.#output.reserve(request, length) && isRefusable) throw overloaded();
    const turn = this.#next(holderOfRequest(request));
    return isRefusable ? turn : turn.catch(() => undefined);
  }

  /**
   * Writes a long reply, with turns of the event loop between its pieces. Undefined: it is short.
   *
   * @param pieces renders the reply.
   * @throws DomainError `overloaded` for a read when too many wait, or when too much is in memory.
   */
  toWrite(request: FastifyRequest, reply: object, pieces: () => Iterable<string>): Promise<Buffer> | undefined {
    const units = unitsOf(reply);
    if (units < longUnits) return undefined;
    const isRefusable = changesNothing(request);
    if (!this.#output.reserve(request, units) && isRefusable) throw overloaded();
    const turn = this.#turns.wait(holderOfRequest(request));
    return this.#write(request, pieces, isRefusable ? turn : turn.catch(() => undefined));
  }

  async #write({ raw }: FastifyRequest, pieces: () => Iterable<string>, turn: Promise<Part | undefined>) {
    const part = await turn;
    try {
      const written: Buffer[] = [];
      for (const piece of pieces()) {
        if (written.push(Buffer.from(piece)) % piecesAtOnce > 0) continue;
        await new Promise((resolve) => setImmediate(resolve));
        if (raw.socket.destroyed) break;
      }
      return Buffer.concat(written);
    } finally {
      afterTurns(turnsBetween, () => part?.release());
    }
  }

  async #next(holder: string): Promise<void> {
    const turn = await this.#turns.wait(holder);
    afterTurns(turnsBetween, () => turn.release());
  }
}

/** Pieces of a reply that are written before other requests have a turn: a millisecond at most. */
const piecesAtOnce = 2;
/**
 * Turns of the event loop between two long replies. An ordinary request takes some five turns from its connection to its
 * reply, so it meets one or two of them.
 */
const turnsBetween = 4;

function afterTurns(turns: number, then: () => void): void {
  setImmediate(() => {
    if (turns === 1) then();
    else afterTurns(turns - 1, then);
  });
}

const isRead = ({ method, isRead: known }: FastifyRequest) => known ?? method === 'GET';

/** A request whose reply may be refused or cut: the client can ask again, and learns the same. */
const changesNothing = (request: FastifyRequest) => isRead(request) || request.isRepetition;

const holderOfRequest = ({ caller, ip }: FastifyRequest) => holderOf(caller?.agentId, ip);

/** The length of all texts in a reply. */
function unitsOf(reply: object): number {
  let units = 0;
  const values: unknown[] = Array.isArray(reply) ? reply : Object.values(reply);
  for (const value of values) {
    if (typeof value === 'string') units += value.length;
    else if (typeof value === 'object' && value !== null) units += unitsOf(value);
  }
  return units;
}

/**
 * A text that changes whenever the client reads some of the waiting bytes. Empty when nothing waits, as in a long poll.
 * `writableLength` and `bytesWritten` do not change within a write, and a whole reply is one write. Only the handle
 * knows how much of it the system has accepted. `socket.setTimeout` uses that too, but its timer also restarts when the
 * client sends something.
 */
function whatWaits(socket: Socket): string {
  if (socket.writableLength === 0) return '';
  // Node's types leave the handle out.
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly writeQueueSize?: number } | null };
  return `${socket.writableLength} ${handle?.writeQueueSize ?? 0}`;
}
