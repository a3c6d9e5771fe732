import { z } from 'zod';

/** Every `code` that an error reply may carry. Codes are stable; the texts beside them are not. */
export const errorCodes = [
  'invalid_request',
  'not_acceptable',
  'unauthorized',
  'insufficient_credits',
  'budget_exceeded',
  'forbidden',
  'agent_suspended',
  'scope_missing',
  'registration_closed',
  'invite_required',
  'invite_invalid',
  'not_found',
  'method_not_allowed',
  'request_timeout',
  'conflict',
  'payload_too_large',
  'unsupported_media_type',
  'idempotency_key_reused',
  'rate_limited',
  'quota_exceeded',
  'pickups_paused',
  'too_many_claims',
  'too_many_disputes',
  'too_many_questions',
  'too_many_streams',
  'headers_too_large',
  'internal_error',
  'not_configured',
  'overloaded',
  'storage_unavailable',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** Why a result does not fit the acceptance of its task. `path` is a JSON Pointer; empty for all of the result. */
export const Problem = z.object({ path: z.string(), message: z.string() });
export type Problem = z.infer<typeof Problem>;

/** The shape of every error reply (contract section 1). `error` can be read alone; the other fields help. */
export const ErrorResponse = z.object({
  error: z.string(),
  code: z.enum(errorCodes),
  hint: z.string().optional(),
  reason: z.string().optional(),
  /** With `not_acceptable`: what of the result does not fit, each with a JSON Pointer into it. */
  problems: z.array(Problem).optional(),
  request_id: z.string().optional(),
});
export type ErrorResponse = z.infer<typeof ErrorResponse>;
