import type { ServerResponse } from 'node:http';
import type { ErrorCode } from '@pinchwork/sdk/table';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../../verbs/context.ts';
import { isStorageFailure } from '../../ground/errors.ts';
import { reasonOf } from '../../ground/log.ts';
import type { Caller } from '../caller.ts';
import { routeOf } from './methods.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller. Undefined for documents, unknown paths and refused callers. */
    caller: Caller | undefined;
    /** The code of the refusal, and its cause. */
    refusal: { readonly code: ErrorCode; readonly error: unknown } | undefined;
  }
}

/** The fields of a request's log line. Never contains the path as sent, a query, a header or a body. */
function lineOf(request: FastifyRequest, reply: FastifyReply) {
  const { caller, refusal } = request;
  return {
    requestId: request.id,
    method: request.method,
    route: routeOf(request) ?? 'unknown',
    status: reply.statusCode,
    durationMs: Math.round(reply.elapsedTime * 10) / 10,
    address: request.ip,
    agentId: caller?.kind === 'agent' ? caller.agentId : caller?.kind === 'admin' ? 'admin' : undefined,
    code: refusal?.code,
    // The client disconnected before the reply was sent.
    aborted: reply.raw.writableFinished ? undefined : true,
    ...(isFailure(reply) ? causeOf(refusal?.error) : {}),
  };
}

/** A storage failure is logged as its reason only, because it affects every request alike. */
const causeOf = (error: unknown) =>
  isStorageFailure(error)
    ? { reason: reasonOf(error) }
    : { err: error, cause: error instanceof Error ? error.cause : undefined };

/** Whether the server failed. 501 is not a failure: it means that a feature is disabled. */
const isFailure = ({ statusCode }: FastifyReply) => statusCode >= 500 && statusCode !== 501;

/**
 * Ends the request of a client that leaves before its reply has been sent. This is no error, but the event is the only one
 * that makes Fastify run its last hooks, which write the log line, count the request and give back what it held.
 */
export function endWithClient({ raw }: FastifyReply): void {
  // One function for all replies: each has a listener, and nothing else.
  raw.on('close', endIfLeft);
}

function endIfLeft(this: ServerResponse): void {
  if (!this.writableFinished && this.listenerCount('error') > 0) this.emit('error', clientLeft);
}

const clientLeft = new Error('The client has left');

/** Logs one line per request: at level `info`, server failures at `error`, health checks at `debug`. */
export function logRequests(app: FastifyInstance, { log }: Context): void {
  app.decorateRequest('caller');
  app.decorateRequest('refusal');
  app.addHook('onResponse', (request, reply, done) => {
    const level = isFailure(reply) ? 'error' : routeOf(request)?.startsWith('/health') ? 'debug' : 'info';
    if (log.isLevelEnabled(level)) log[level](lineOf(request, reply), 'request');
    done();
  });
}
