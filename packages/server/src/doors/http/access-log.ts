import type { ErrorCode } from '@pinchwork/sdk';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../../verbs/context.ts';
import { isStorageFailure, reasonOf } from '../../ground/log.ts';
import type { Caller } from '../caller.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sends it; undefined for documents, unknown paths and whoever is not let in. */
    caller: Caller | undefined;
    /** What it was refused with, and what had gone wrong. */
    refusal: { readonly code: ErrorCode; readonly error: unknown } | undefined;
  }
}

/** What a request's line in the log says. Never a path as it came, a query, a header or a body. */
function lineOf(request: FastifyRequest, reply: FastifyReply) {
  const { caller, refusal } = request;
  return {
    requestId: request.id,
    method: request.method,
    route: request.routeOptions.url ?? 'unknown',
    status: reply.statusCode,
    durationMs: Math.round(reply.elapsedTime * 10) / 10,
    address: request.ip,
    agentId: caller?.kind === 'agent' ? caller.agentId : caller?.kind === 'admin' ? 'admin' : undefined,
    code: refusal?.code,
    // The client had gone before the answer was out.
    aborted: reply.raw.writableFinished ? undefined : true,
    ...(isFailure(reply) ? causeOf(refusal?.error) : {}),
  };
}

/** A failing storage is said in a few words: it fails every request alike. */
const causeOf = (error: unknown) =>
  isStorageFailure(error) ? { reason: reasonOf(error) } : { err: error, cause: (error as Error | undefined)?.cause };

/** The server's own fault; 501 says only that something is off. */
const isFailure = ({ statusCode }: FastifyReply) => statusCode >= 500 && statusCode !== 501;

/** Writes one line a request: at `info`, failures of the server at `error`, what supervisors ask at `debug`. */
export function logRequests(app: FastifyInstance, { log }: Context): void {
  app.decorateRequest('caller');
  app.decorateRequest('refusal');
  app.addHook('onResponse', (request, reply, done) => {
    const level = isFailure(reply) ? 'error' : request.routeOptions.url?.startsWith('/health') ? 'debug' : 'info';
    if (log.isLevelEnabled(level)) log[level](lineOf(request, reply), 'request');
    done();
  });
}
