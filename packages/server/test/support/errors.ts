import { ErrorResponse } from '@pinchwork/sdk/table';
import { expect } from 'vitest';
import type { Reply } from './market.ts';

/** The contract's statuses for the codes that requests can bring about by themselves. */
const statuses: Readonly<Record<string, number>> = {
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
  too_many_questions: 429,
  too_many_streams: 429,
  headers_too_large: 431,
  not_configured: 501,
};

/**
 * Checks that a reply is an error with this status and exactly the contract's shape: `error`, a sentence on one line
 * that stands alone, and its siblings.
 *
 * @returns the sentence.
 */
export function expectError(reply: Reply, status: number): string {
  expect(reply.status, reply.text).toBe(status);
  const { error, code, request_id } = ErrorResponse.strict().parse(reply.body);
  expect(statuses[code], code).toBe(status);
  expect(error).toMatch(/^[^\p{Cc}\s][^\p{Cc}]{5,400}[^\p{Cc}\s:]$/u);
  expect(request_id).toBe(reply.headers['x-request-id']);
  expect(request_id).toMatch(/^[0-9a-f-]{36}$/);
  return error;
}
