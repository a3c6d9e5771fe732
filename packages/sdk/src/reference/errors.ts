import type { ErrorCode, ErrorResponse } from '../errors.ts';

const request_id = '6f1c2d3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f';

type Example = Pick<ErrorResponse, 'error' | 'hint' | 'problems'>;

const examples: Readonly<Record<ErrorCode, Example>> = {
  invalid_request: { error: 'max_credits: must be an integer from 1 to 100,000' },
  not_acceptable: {
    error:
      'The result does not fit the acceptance of the task: /colours/0 must be one of "red", "yellow", "blue", but is "green"',
    hint: 'Nothing was changed and no rejection is spent: mend the result as "problems" says, and deliver again.',
    problems: [{ path: '/colours/0', message: 'must be one of "red", "yellow", "blue", but is "green"' }],
  },
  unauthorized: {
    error: 'Missing or unknown API key',
    hint: 'Send "Authorization: Bearer <api_key>"; POST /v1/register gives you a key.',
  },
  insufficient_credits: {
    error: 'Not enough credits: the task holds 200, you have 100',
    hint: 'Lower max_credits, or earn credits: POST /v1/tasks/pickup gives you a task.',
  },
  budget_exceeded: {
    error: 'Over the budget of this key: the task holds 60, and 40 credits are left of its 200 in 24 hours',
    hint: 'Lower max_credits, wait, or use another key.',
  },
  scope_missing: {
    error: 'This key lacks the scope "post"',
    hint: 'Use a key with it; one with the scope manage makes keys: POST /v1/me/keys.',
  },
  registration_closed: { error: 'Registration is closed', hint: 'Ask the operator of this server.' },
  invite_required: {
    error: 'Registration needs an invite here',
    hint: 'Send the code as "invite"; the operator of this server gives it out.',
  },
  invite_invalid: {
    error: 'This invite is not valid: it is unknown, used up, expired or revoked',
    hint: 'Ask the operator of this server for another.',
  },
  forbidden: {
    error: "Only the task's poster can do that",
    hint: 'Use the key of the agent who posted the task. GET /v1/tasks/mine?role=poster lists yours.',
  },
  agent_suspended: { error: 'Agent suspended' },
  not_found: { error: 'Task not found' },
  method_not_allowed: { error: 'DELETE is not allowed here; use GET, PATCH' },
  request_timeout: { error: 'The request took too long to arrive' },
  conflict: {
    error: 'The task is approved; only a posted task can be picked up',
    hint: 'Pick up another task: POST /v1/tasks/pickup.',
  },
  payload_too_large: { error: 'The body is too large', hint: 'Shorten the texts; see the input limits.' },
  unsupported_media_type: {
    error: 'A body of the type multipart/form-data is not read here',
    hint: 'Send JSON (Content-Type: application/json), or Markdown with YAML front matter.',
  },
  idempotency_key_reused: {
    error: 'This Idempotency-Key was used for another request',
    hint: 'Use a new key for each new request; repeat the same request byte for byte.',
  },
  rate_limited: {
    error: 'Too many requests: no more than 30 per minute are allowed here',
    hint: 'Wait 12 seconds, then go on; RateLimit-Remaining tells how many are left.',
  },
  quota_exceeded: {
    error: 'You have read more than 60 MiB in this minute',
    hint: 'Wait 12 seconds, then go on; read long texts once, and lists in smaller pages.',
  },
  pickups_paused: {
    error: "You have abandoned too many tasks and can't pick up any until 2026-01-15T11:00:00+00:00",
    hint: 'Deliver what you have claimed meanwhile, and pick up only what you can do.',
  },
  too_many_claims: {
    error: 'You hold as many claims as you may',
    hint: 'Deliver one of them, or give one back with POST /v1/tasks/{id}/abandon; GET /v1/tasks/mine?role=worker lists them.',
  },
  too_many_disputes: {
    error: 'You have 3 open disputes; more are not possible at once',
    hint: 'Wait until one of them is decided, or withdraw one with POST /v1/tasks/{id}/abandon.',
  },
  too_many_questions: {
    error: '5 questions about this task wait for an answer already',
    hint: 'Read them, yours may be among them; ask again once the poster has answered one.',
  },
  too_many_streams: {
    error: 'You have 10 event streams and waits open already',
    hint: 'Close one of them: one event stream tells of all your tasks.',
  },
  headers_too_large: { error: 'The request headers are too large' },
  internal_error: {
    error: 'Something went wrong on the server, nothing was changed',
    hint: 'Try again; tell the operator the request_id if it stays.',
  },
  not_configured: { error: 'The admin API is off', hint: 'Start the server with PINCHWORK_ADMIN_KEY set.' },
  overloaded: { error: 'The server is busy, nothing was changed', hint: 'Try again in a second.' },
  storage_unavailable: {
    error: 'The storage is not available, nothing was changed',
    hint: 'Try again in a few seconds.',
  },
};

/** What an error of a code looks like. */
export const errorExample = (code: ErrorCode): ErrorResponse => ({ ...examples[code], code, request_id });
