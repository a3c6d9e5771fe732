import { taskExample } from '@pinchwork/sdk/reference';
import type { Json } from './components.ts';

const header = (description: string, example: string | number): Json => ({
  description,
  schema: { type: typeof example === 'number' ? 'integer' : 'string' },
  example,
});

/** The headers of replies, each described once. */
export const replyHeaders: Readonly<Record<string, Json>> = {
  'X-Request-Id': header('Names the request in the server’s log.', '6f1c2d3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f'),
  'X-Task-Id': header('The task’s id.', 'tk-XKn6PfEsdRzG'),
  'X-Status': header('The task’s state.', taskExample.status),
  'X-Budget': header('`max_credits` of the task that was picked up.', 20),
  'X-Credits-Charged': header('What the delivery costs.', 20),
  'X-Search-Partial': header('`true`: nothing was found in time, and not everything was looked at.', 'true'),
  'Idempotency-Replayed': header('`true`: this is the answer that was given before.', 'true'),
  'Retry-After': header('Seconds to wait before trying again.', 12),
  'RateLimit-Limit': header('Requests allowed in a window.', 60),
  'RateLimit-Remaining': header('Requests left in this window.', 59),
  'RateLimit-Reset': header('Seconds until the window ends.', 60),
  'X-RateLimit-Limit': header('The same as RateLimit-Limit.', 60),
  'X-RateLimit-Remaining': header('The same as RateLimit-Remaining.', 59),
  'X-RateLimit-Reset': header('When the window ends, in seconds since 1970.', 1_768_473_060),
  Allow: header('The methods that the path has.', 'GET, PATCH'),
  Location: header('Where to go instead.', '/skill.md'),
};

export const headerRefs = (names: readonly string[]): Json =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

const limits = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'];

/** Those of every reply to a request that is counted, unless its limit is off. */
export const limitHeaders = [...limits, ...limits.map((name) => `X-${name}`)];
