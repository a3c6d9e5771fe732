import type { ErrorCode, ErrorResponse } from '@pinchwork/sdk/table';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { DomainError } from '../../ground/errors.ts';
import { retryAfterOf, toDomainError, toReply } from '../errors.ts';
import { type Pages, wantsPage } from './pages/site.ts';
import { sendPage } from './pages/compressed.ts';
import { RefusalPace } from './refusals.ts';
import { sendReply } from './reply.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether the request has been counted, on a route with `countRefused`. */
    isCounted: boolean;
  }
  interface FastifyContextConfig {
    /**
     * Counts a request whose caller is known, and which is refused before anything has counted it. Default: requests are
     * counted before anything else of them is looked at.
     *
     * @throws DomainError the refusal in place of the other one, when the limit is used up.
     */
    countRefused?: (reply: FastifyReply) => Promise<void>;
  }
}

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
 * Answers failed requests in the common shape of errors, whatever the cause; a browser gets a page.
 *
 * @param pages undefined: there are no pages.
 * @returns the pace of the refusals that it sends.
 */
export function answerErrors(app: FastifyInstance, pages?: Pages): RefusalPace {
  const pace = new RefusalPace(app);
  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const known = toDomainError(error);
    request.refusal = { code: known.code, error };
    const waiting = pace.wait(known.code, request.ip);
    const send = () =>
      pages !== undefined && wantsPage(request) ? sendErrorPage(known, reply, pages) : sendError(known, request, reply);
    return waiting === undefined ? send() : waiting.then(send);
  };
  app.decorateRequest('isCounted', false);
  app.setErrorHandler((error, request, reply) => {
    const { countRefused } = request.routeOptions.config;
    if (countRefused === undefined || request.caller === undefined || request.isCounted) {
      return refuse(error, request, reply);
    }
    return countRefused(reply).then(
      () => refuse(error, request, reply),
      (limited: unknown) => refuse(limited, request, reply),
    );
  });
  return pace;
}

/** Sends the error as a page; where pages fail too, as for a program. */
async function sendErrorPage(known: DomainError, reply: FastifyReply, pages: Pages): Promise<FastifyReply> {
  const { request } = reply;
  const render = await pages.load().catch(() => undefined);
  if (render === undefined) return sendError(known, request, reply);
  const [status, { error, hint }] = [statusOf[known.code], toReply(known, request.id)];
  const seconds = retryAfterOf(known);
  if (seconds !== undefined) reply.header('retry-after', seconds);
  const { method, url: path } = request;
  const shown = { status, code: known.code, error, hint, requestId: request.id, method, path };
  return sendPage(reply.code(status).header('cache-control', 'no-store'), render(request, { name: 'error', shown }));
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
