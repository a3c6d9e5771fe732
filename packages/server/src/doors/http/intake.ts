import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { DomainError, overloaded } from '../../ground/errors.ts';
import type { Part } from '../../rules/limits/part.ts';
import type { Share } from '../../rules/limits/share.ts';
import { holderOf } from '../../rules/limits/shares.ts';
import type { Context } from '../../verbs/context.ts';
import { Discards } from './discard.ts';
import { mediaType } from './media-type.ts';

/** This much of a body counts as part of its connection. Most bodies are shorter. */
const smallBytes = 16 * 1024;
/** After a body whose reading has taken this long, the next one waits: this many times as long, up to a limit. */
const noticedMs = 4;
const pauseTimes = 3;
const longestPauseMs = 100;

declare module 'fastify' {
  interface FastifyRequest {
    /** The memory of a long body. Undefined: the body is short. */
    bodyMemory: BodyMemory | undefined;
    /**
     * Releases the body and its memory when nobody needs it any more. May be called more than once. Undefined: nothing
     * is counted.
     */
    releaseBody: (() => void) | undefined;
  }
}

/**
 * Accepts bodies of any type, and bounds their memory and the time that reading them takes. Both are shares of the
 * agent, or of the address if there is no agent.
 *
 * Bytes are counted as they arrive, never as they are announced. When too many are in memory, the body of the holder
 * with the most bytes is refused with 503. Long bodies are read one at a time, in turn by holder, and other requests come in
 * between.
 */
export function boundIntake(app: FastifyInstance, { shares }: Pick<Context, 'shares'>): void {
  ignoreExpectations(app);
  tolerateContentTypes(app);
  const discards = new Discards();
  app.decorateRequest('bodyMemory');
  app.decorateRequest('releaseBody');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request, payload, done) => {
    const { caller, ip, headers, routeOptions } = request;
    const memory = new BodyMemory(shares.body_bytes, holderOf(caller?.agentId, ip));
    request.bodyMemory = memory;
    if (Number(headers['content-length'] ?? 0) > routeOptions.bodyLimit) {
      discards.discard(payload);
      done(tooLarge(routeOptions.bodyLimit));
      return;
    }
    collect(payload, { memory, discards, limit: routeOptions.bodyLimit, done });
  });
  app.addHook('onSend', (request, _reply, _payload, done) => {
    const { raw, bodyMemory } = request;
    if (bodyMemory === undefined && isLong(raw)) discards.discard(raw);
    done();
  });
  app.addHook('preHandler', (request, reply, done) => {
    const { bodyMemory: memory } = request;
    if (memory?.isCounted !== true) {
      done();
      return;
    }
    const release = () => {
      memory.release();
      request.body = undefined;
    };
    request.releaseBody = release;
    memory.onLoss = release;
    releaseAtEnd(request, reply, release);
    const turn = shares.loop.wait(memory.holder);
    turn.then((part) => {
      const begunAt = performance.now();
      setImmediate(() => {
        const tookMs = performance.now() - begunAt;
        // Most of the time is left to all other requests.
        if (tookMs >= noticedMs) setTimeout(() => part.release(), Math.min(longestPauseMs, pauseTimes * tookMs));
        else part.release();
      });
      done(memory.use() ? undefined : overloaded());
    }, done);
  });
}

/** Whether a body that is not read would take long to arrive. */
const isLong = ({ headers, complete }: IncomingMessage): boolean =>
  !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > smallBytes);

/** The memory of one body. It can be taken away until the body is used. */
class BodyMemory {
  readonly holder: string;
  /** Called when the memory is taken away while the body arrives. */
  onLoss: () => void = () => undefined;
  readonly #share: Share;
  #part: Part | undefined;

  constructor(share: Share, holder: string) {
    this.#share = share;
    this.holder = holder;
  }

  /** Whether the body is so long that it is counted. */
  get isCounted(): boolean {
    return this.#part !== undefined;
  }

  /** Counts bytes that have arrived. @param length of the body so far, with them. @returns false: there is no room. */
  add(bytes: number, length: number): boolean {
    if (length <= smallBytes) return true;
    if (this.#part !== undefined) return this.#part.grow(bytes);
    this.#part = this.#share.take(this.holder, length, { cut: () => this.onLoss() });
    return this.#part !== undefined;
  }

  /** Must be called before the body is used. @returns false: its memory has been taken away. */
  use(): boolean {
    this.#part?.keep();
    return this.#part?.isReleased !== true;
  }

  release(): void {
    this.#part?.release();
  }
}

interface Collecting {
  readonly memory: BodyMemory;
  readonly discards: Discards;
  readonly limit: number;
  readonly done: (error: Error | null, body?: Buffer) => void;
}

/** Collects the bytes of a body. */
function collect(payload: IncomingMessage, { memory, discards, limit, done }: Collecting): void {
  let chunks: Buffer[] = [];
  let length = 0;
  const onData = (chunk: Buffer) => {
    length += chunk.length;
    if (length > limit) fail(tooLarge(limit));
    else if (!memory.add(chunk.length, length)) fail(overloaded());
    else chunks.push(chunk);
  };
  const onEnd = () => {
    leave();
    // A copy, because chunks are views of the buffer that the connection reads into.
    const body = Buffer.concat(chunks, length);
    chunks = [];
    done(null, body);
  };
  /** For a body that is broken off too: it ends with an error. */
  const fail = (error: Error) => {
    leave();
    chunks = [];
    discards.discard(payload);
    memory.release();
    done(error);
  };
  const leave = () => {
    memory.onLoss = () => undefined;
    payload.off('data', onData).off('end', onEnd).off('error', fail);
  };
  memory.onLoss = () => fail(overloaded());
  payload.on('data', onData).on('end', onEnd).on('error', fail);
}

const tooLarge = (limit: number) =>
  new DomainError(
    'payload_too_large',
    'The body is too large',
    `This endpoint takes at most ${limit} bytes. Shorten the texts; see the input limits.`,
  );

/** Releases a body when its reply has been sent, or its connection has ended, whatever comes first. */
function releaseAtEnd({ raw: { socket } }: FastifyRequest, reply: FastifyReply, release: () => void): void {
  const end = () => {
    socket.off('close', end);
    release();
  };
  reply.raw.once('close', end);
  // A reply queued behind another one on its connection gets no event when the connection closes, so the socket is
  // observed.
  socket.once('close', end);
}

/** Without this, Node answers an `Expect` other than `100-continue` with an empty 417. */
function ignoreExpectations(app: FastifyInstance): void {
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
}

/**
 * Without this, Fastify answers a malformed `Content-Type` with 415. Contract section 1 says to ignore such a header.
 */
function tolerateContentTypes(app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    const given = headers['content-type'];
    if (given !== undefined) headers['content-type'] = mediaType(given);
    done();
  });
}
