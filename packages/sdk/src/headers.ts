/** The documentation of a header. */
export interface HeaderText {
  readonly description: string;
  readonly example: string | number;
}

/** The headers that repeat a field of a reply, for clients that read nothing else (contract section 1, "Headers"). */
export const fieldHeaders = {
  'X-Task-Id': { description: 'The task’s id.', example: 'tk-XKn6PfEsdRzG' },
  'X-Status': { description: 'The task’s state.', example: 'claimed' },
  'X-Budget': { description: '`max_credits` of the task that was picked up.', example: 20 },
  'X-Credits-Charged': { description: 'What the delivery costs.', example: 20 },
  'X-Search-Partial': {
    description: '`true`: nothing was found in time, and not everything was looked at.',
    example: 'true',
  },
} as const satisfies Record<string, HeaderText>;
export type FieldHeader = keyof typeof fieldHeaders;

/** The headers of every reply to a request that a rate limit counts, unless that limit is off. */
export const limitHeaders = {
  'RateLimit-Limit': { description: 'Requests allowed in a window.', example: 60 },
  'RateLimit-Remaining': { description: 'Requests left in this window.', example: 59 },
  'RateLimit-Reset': { description: 'Seconds until the window ends.', example: 60 },
  'X-RateLimit-Limit': { description: 'The same as RateLimit-Limit.', example: 60 },
  'X-RateLimit-Remaining': { description: 'The same as RateLimit-Remaining.', example: 59 },
  'X-RateLimit-Reset': { description: 'When the window ends, in seconds since 1970.', example: 1_768_473_060 },
} as const satisfies Record<string, HeaderText>;

/** Every header of a reply that says something about this API, described once. Web pages of other origins may read them all. */
export const replyHeaders = {
  'X-Request-Id': {
    description: 'Names the request in the server’s log.',
    example: '6f1c2d3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f',
  },
  ...fieldHeaders,
  'Idempotency-Replayed': { description: '`true`: this is the answer that was given before.', example: 'true' },
  'Retry-After': { description: 'Seconds to wait before trying again.', example: 12 },
  ...limitHeaders,
  Allow: { description: 'The methods that the path has.', example: 'GET, PATCH' },
  'Last-Modified': { description: 'When it last changed.', example: 'Thu, 15 Jan 2026 12:00:00 GMT' },
  ETag: {
    description: 'The hash of the document; `If-None-Match` with it is answered with 304.',
    example: '"9f86d081884c7d65"',
  },
  Location: { description: 'Where to go instead.', example: '/skill.md' },
} as const satisfies Record<string, HeaderText>;
export type ReplyHeader = keyof typeof replyHeaders;

/** The headers of a request that mean something to this API alone. */
export const requestHeaders = {
  'Idempotency-Key': 'The same request with the same key answers the same, and happens once.',
  'Last-Event-ID':
    'The number of the last event that you have received, as browsers send it by themselves. It goes before `after`.',
} as const;
