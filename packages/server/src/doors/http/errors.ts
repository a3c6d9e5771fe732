import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ErrorCode, ErrorResponse } from '@pinchwork/sdk';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../../ground/errors.ts';
import { sendReply } from './reply.ts';

/** The table from error code to status (contract section 1, "Errors"). */
export const statusOf: Record<ErrorCode, number> = {
  invalid_request: 400,
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
  pickups_paused: 429,
  too_many_questions: 429,
  too_many_streams: 429,
  headers_too_large: 431,
  internal_error: 500,
  not_configured: 501,
  overloaded: 503,
  storage_unavailable: 503,
};

const retryAfterSeconds: Partial<Record<ErrorCode, number>> = {
  overloaded: 1,
  storage_unavailable: 5,
  too_many_questions: 60,
  too_many_streams: 5,
};

const toReply = ({ message, code, hint, reason }: DomainError, requestId: string): ErrorResponse => ({
  error: message,
  code,
  ...(hint === undefined ? {} : { hint }),
  ...(reason === undefined ? {} : { reason }),
  request_id: requestId,
});

/** Answers a failed request in the common shape of errors, whatever the cause. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toDomainError(error as FastifyError);
  request.refusal = { code: known.code, error };
  // Fastify would close the connection while the client is still sending, and many clients would then report a broken
  // pipe instead of the reply. When it stays open, Node reads and discards the rest, within the time limit of a
  // request.
  if (known.code === 'payload_too_large') reply.removeHeader('connection');
  const seconds = known.retryAfterSeconds ?? retryAfterSeconds[known.code];
  if (seconds !== undefined) reply.header('retry-after', seconds);
  return sendReply(reply, statusOf[known.code], toReply(known, request.id), errorLine);
}

/** An error as one line for people. */
export const errorLine = ({ error, hint }: Pick<ErrorResponse, 'error' | 'hint'>): string =>
  hint === undefined ? error : `${error}. ${hint}`;

function toDomainError(error: FastifyError | DomainError): DomainError {
  if (error instanceof DomainError) return error;
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new DomainError('payload_too_large', 'The body is too large', 'Shorten the texts; see the input limits.');
    case 'FST_ERR_BAD_URL':
      return new DomainError(
        'not_found',
        'Not found: the path has a "%" that begins no character',
        'Write "%" as %25. GET /v1/capabilities lists all calls, GET /skill.md explains them.',
      );
  }
  return error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500
    ? new DomainError('invalid_request', error.message)
    : new DomainError(
        'internal_error',
        'Something went wrong on the server, nothing was changed',
        'Try again; tell the operator the request_id if it stays.',
      );
}

const clientErrors: Record<string, [ErrorCode, string]> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The request headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request took too long to arrive'],
};

/** Answers input that is not a valid request: broken HTTP, too large headers, a too slow sender. Always JSON. */
export function replyToClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [code, message] = clientErrors[error.code ?? ''] ?? ['invalid_request', 'The request is not valid HTTP'];
  endWithError(socket, code, message);
}

/** Writes an error to a bare connection and closes it. */
export function endWithError(socket: Duplex, code: ErrorCode, message: string): void {
  const requestId = randomUUID();
  const body = JSON.stringify(toReply(new DomainError(code, message), requestId));
  socket.end(
    `HTTP/1.1 ${statusOf[code]} ${STATUS_CODES[statusOf[code]]}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `X-Request-Id: ${requestId}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
