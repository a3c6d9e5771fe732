import { STATUS_CODES } from 'node:http';
import { type Endpoint, type ErrorCode, limitOf } from '@pinchwork/sdk';
import { deliveredExample, errorExample, type Reference } from '@pinchwork/sdk/reference';
import { statusOf } from '../errors.ts';
import { frame } from '../../../rules/events/wire.ts';
import { toMarkdown } from '../render.ts';
import { replyHeaders } from '../reply.ts';
import { componentName, type Json, refTo } from './components.ts';
import { headerRefs, limitHeaders } from './headers.ts';

/** A reply's body in both formats; the Markdown is what the server itself makes of the JSON. */
export function bodies(schema: Json, examples: Readonly<Record<string, Json>>, alwaysJson = false): Json {
  const each = (render: (example: Json) => unknown) =>
    Object.fromEntries(
      Object.entries(examples).map(([name, example]) => [name, { summary: name, value: render(example) }]),
    );
  return {
    'application/json': { schema, examples: each((example) => example) },
    ...(alwaysJson
      ? {}
      : {
          'text/markdown': {
            schema: {
              type: 'string',
              description:
                'The same as YAML front matter; below it `result`, where there is one, or a line for people.',
            },
            examples: each(toMarkdown),
          },
        }),
  };
}

/** A stream's body: text with, in each message, the schema as its data. */
const streamBody = (name: string, schema: string, example: Json): Json => ({
  'text/event-stream': {
    schema: {
      type: 'string',
      description: `Server-sent events (WHATWG HTML, 9.2). The data of each is a ${schema} in JSON on one line.`,
    },
    examples: {
      [name]: { summary: name, value: `retry: 2000\n\n${frame(1, String(example.type), JSON.stringify(example))}` },
    },
  },
});

/** All replies of an endpoint: its successes, and one for each status of an error. */
export function responsesOf(name: string, endpoint: Endpoint, reference: Reference): Json {
  const errors = new Map<number, ErrorCode[]>();
  for (const code of errorCodesOf(endpoint, reference)) {
    errors.set(statusOf[code], [...(errors.get(statusOf[code]) ?? []), code]);
  }
  const refusals = [...errors].map(([status, codes]) => [status, errorResponse(status, codes, endpoint)] as const);
  return { ...successes(name, endpoint, reference), ...Object.fromEntries(refusals) };
}

function successes(name: string, endpoint: Endpoint, { summary, reply }: Reference): Json {
  const headers = headerRefs(successHeaders(endpoint, reply));
  const schema = componentName(endpoint.reply);
  const content =
    endpoint.isStream === true
      ? streamBody(name, schema, reply)
      : bodies(refTo(schema), { [name]: reply }, endpoint.alwaysJson);
  const success = { [endpoint.status]: { description: `${summary}: done.`, headers, content } };
  if (name === 'pickupNext') return { ...success, 204: nothingToPickUp(endpoint) };
  if (name !== 'createTask') return success;
  return {
    200: {
      description: 'With `wait`: the task, delivered or ended.',
      headers,
      content: bodies(refTo('TaskResponse'), { waited: waitedFor(reply) }),
    },
    201: {
      ...success[201],
      content: bodies(
        { anyOf: [refTo('CreateTaskResponse'), refTo('TaskResponse')] },
        { created: reply, 'with wait, when the time is up': waitedFor(reply, false) },
      ),
    },
  };
}

/** A task that was created with `wait`, as it is afterwards. */
const waitedFor = (created: Json, isDone = true): Json => ({
  task_id: created.task_id,
  status: isDone ? deliveredExample.status : created.status,
  need: created.need,
  context: null,
  result: isDone ? 'Red, yellow and blue' : null,
  max_credits: 20,
  credits_charged: isDone ? 20 : null,
  poster_id: 'ag-XKn6PfEkL1tv',
  worker_id: isDone ? 'ag-XKn6PfEn2GdY' : null,
  tags: ['colours'],
  created_at: '2026-01-15T10:30:00+00:00',
  deadline: created.deadline,
  claim_deadline: isDone ? '2026-01-16T10:30:00+00:00' : null,
  review_timeout_minutes: null,
  claim_timeout_minutes: null,
  claim_number: isDone ? 1 : 0,
});

/** No task, so none of its headers. */
const nothingToPickUp = (endpoint: Endpoint): Json => ({
  description: 'There is nothing to pick up.',
  headers: headerRefs([...requestHeaders(endpoint), 'X-Search-Partial']),
});

/** The headers of every success of an endpoint. */
const requestHeaders = (endpoint: Endpoint): string[] => [
  'X-Request-Id',
  ...(limitOf(endpoint) === 'none' ? [] : limitHeaders),
  ...(endpoint.method === 'GET' ? [] : ['Idempotency-Replayed']),
];

function successHeaders(endpoint: Endpoint, reply: Json): string[] {
  const { method, path } = endpoint;
  return [...requestHeaders(endpoint), ...Object.keys(replyHeaders(method, path, reply))];
}

/** What any request may be answered with, whatever it asks for. */
const always: readonly ErrorCode[] = [
  'request_timeout',
  'headers_too_large',
  'internal_error',
  'overloaded',
  'storage_unavailable',
];

/** Every refusal that an endpoint knows. */
export function errorCodesOf(endpoint: Endpoint, { errors }: Pick<Reference, 'errors'>): ErrorCode[] {
  const { auth, method, query, body } = endpoint;
  const codes: ErrorCode[] = [
    ...(auth === 'none' ? [] : (['unauthorized'] as const)),
    ...(auth === 'agent' ? (['agent_suspended'] as const) : []),
    ...(auth === 'admin' ? (['not_configured', 'forbidden'] as const) : []),
    ...(limitOf(endpoint) === 'none' ? [] : (['rate_limited'] as const)),
    ...(body !== undefined || query !== undefined ? (['invalid_request'] as const) : []),
    ...(body === undefined ? [] : (['payload_too_large'] as const)),
    ...(method === 'GET' ? [] : (['idempotency_key_reused'] as const)),
    ...errors,
    ...always,
  ];
  return [...new Set(codes)].sort((a, b) => statusOf[a] - statusOf[b]);
}

export function errorResponse(status: number, codes: readonly ErrorCode[], endpoint?: Endpoint): Json {
  const examples = Object.fromEntries(codes.map((code) => [code, errorExample(code) as Json]));
  const waits = [429, 503].includes(status) ? ['Retry-After'] : [];
  return {
    description: `${STATUS_CODES[status]}: ${codes.join(', ')}.`,
    headers: headerRefs(['X-Request-Id', ...waits, ...(status === 405 ? ['Allow'] : [])]),
    content: bodies(refTo('ErrorResponse'), examples, endpoint?.alwaysJson),
  };
}
