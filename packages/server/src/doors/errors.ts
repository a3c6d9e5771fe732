import type { ErrorCode, ErrorResponse } from '@pinchwork/sdk/table';
import { DomainError } from '../ground/errors.ts';

const retryAfterSeconds: Partial<Record<ErrorCode, number>> = {
  overloaded: 1,
  storage_unavailable: 5,
  too_many_questions: 60,
  too_many_streams: 5,
};

/** Seconds after which the same call may succeed; undefined where nobody knows. */
export const retryAfterOf = ({ code, retryAfterSeconds: known }: DomainError): number | undefined =>
  known ?? retryAfterSeconds[code];

/** An error in the shape of the contract. */
export const toReply = ({ message, code, hint, reason, problems }: DomainError, requestId: string): ErrorResponse => ({
  error: message,
  code,
  ...(hint === undefined ? {} : { hint }),
  ...(reason === undefined ? {} : { reason }),
  ...(problems === undefined ? {} : { problems: [...problems] }),
  request_id: requestId,
});

/** What a caller is told of an error. A failure of the server is told without its reason. */
export function toDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  // Fastify and its parsers give their errors a status.
  const { statusCode, message = '' } = error as { readonly statusCode?: number; readonly message?: string };
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500
    ? new DomainError('invalid_request', message)
    : new DomainError(
        'internal_error',
        'Something went wrong on the server, nothing was changed',
        'Try again; tell the operator the request_id if it stays.',
      );
}
