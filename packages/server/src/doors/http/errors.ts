import type { ErrorCode, ErrorResponse } from '@pinchwork/sdk/table';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { DomainError } from '../../ground/errors.ts';
import { retryAfterOf, toDomainError, toReply } from '../errors.ts';
import { RefusalPace } from './refusals.ts';
import { sendReply } from './reply.ts';

/** The table from error code to status (contract section 1, "Errors"). */
export const statusOf: Record<ErrorCode, number> = {
  invalid_request: 400,
  not_acceptable: 400,
  unauthorized: 401,
  insufficient_credits: 402,
  budget_exceeded: 402,
  forbidden: 403,
  agent_suspended: 403,
  scope_missing: 403,
  registration_closed: 403,
  invite_required: 403,
  invite_invalid: 403,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  conflict: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  idempotency_key_reused: 422,
  rate_limited: 429,
  quota_exceeded: 429,
  pickups_paused: 429,
  too_many_claims: 429,
  too_many_disputes: 429,
  too_many_questions: 429,
  too_many_streams: 429,
  headers_too_large: 431,
  internal_error: 500,
  not_configured: 501,
  overloaded: 503,
  storage_unavailable: 503,
};

/**
 * Answers failed requests in the common shape of errors, whatever the cause.
 *
 * @returns the pace of the refusals that it sends.
 */
export function answerErrors(app: FastifyInstance): RefusalPace {
  const pace = new RefusalPace(app);
  app.setErrorHandler((error, request, reply) => {
    const known = toDomainError(error);
    request.refusal = { code: known.code, error };
    const waiting = pace.wait(known.code, request.ip);
    return waiting === undefined
      ? sendError(known, request, reply)
      : waiting.then(() => sendError(known, request, reply));
  });
  return pace;
}

function sendError(known: DomainError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // Fastify would close the connection while the client is still sending, and many clients would then report a broken
  // pipe instead of the reply. When it stays open, Node reads and discards the rest, within the time limit of a
  // request.
  if (known.code === 'payload_too_large' || known.code === 'overloaded') reply.removeHeader('connection');
  const seconds = retryAfterOf(known);
  if (seconds !== undefined) reply.header('retry-after', seconds);
  const written = request.routeOptions.config.writeRefusal?.(known, request);
  if (written !== undefined) {
    return reply.code(written.status).header('content-type', written.type).send(JSON.stringify(written.body));
  }
  return sendReply(reply, statusOf[known.code], toReply(known, request.id), errorLine);
}

/** An error as one line for people. */
export const errorLine = ({ error, hint }: Pick<ErrorResponse, 'error' | 'hint'>): string =>
  hint === undefined ? error : `${error}. ${hint}`;
