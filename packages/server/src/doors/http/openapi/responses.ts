import { STATUS_CODES } from 'node:http';
import {
  type AnyEndpoint,
  type Endpoint,
  type ErrorCode,
  type ErrorResponse,
  type HeaderFields,
  limitHeaders,
} from '@pinchwork/sdk/table';
import { errorExample, type Reference } from '@pinchwork/sdk/reference';
import type { z } from 'zod';
import { at, present } from '../../../ground/present.ts';
import { errorLine, statusOf } from '../errors.ts';
import { frame } from '../../../rules/events/wire.ts';
import { toMarkdown } from '../render.ts';
import { componentName, type Json, refTo } from './components.ts';
import { headerRefs } from './headers.ts';

/** Makes the line for people of a named example. */
type Line = (example: Json, name: string) => string;

/** A reply's body in both formats. The Markdown is rendered by the server's own code. */
function bodies(
  schema: Json,
  examples: Readonly<Record<string, Json>>,
  { line, alwaysJson }: { readonly line: Line; readonly alwaysJson: boolean },
): Json {
  const each = (render: (example: Json, name: string) => unknown) =>
    Object.fromEntries(
      Object.entries(examples).map(([name, example]) => [name, { summary: name, value: render(example, name) }]),
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
            examples: each((example, name) => toMarkdown(example, (shown) => line(shown, name))),
          },
        }),
  };
}

/** A stream's body: text whose messages have the schema as their data. */
const streamBody = (name: string, schema: string, example: Json): Json => ({
  'text/event-stream': {
    schema: {
      type: 'string',
      description: `Server-sent events (WHATWG HTML, 9.2). The data of each is a ${schema} in JSON on one line.`,
    },
    examples: {
      [name]: { summary: name, value: `retry: 2000\n${frame(1, String(example.type), JSON.stringify(example))}` },
    },
  },
});

/** All replies of an endpoint: its successes, and one for each status of an error. */
export function responsesOf(endpoint: AnyEndpoint, reference: Reference): Json {
  const byStatus = Map.groupBy(endpoint.errors, (code) => statusOf[code]);
  const refusals = [...byStatus]
    .sort(([a], [b]) => a - b)
    .map(([status, codes]) => [status, errorResponse(status, codes, endpoint)] as const);
  return { ...successes(endpoint, reference), ...Object.fromEntries(refusals) };
}

/** One success of an endpoint, with an example where it has content. */
interface Shown {
  readonly status: number;
  readonly when: string;
  readonly reply: z.ZodType;
  readonly headers: HeaderFields;
  readonly example: Json | undefined;
  line(reply: Json): string;
}

/** The successes of an endpoint by status. Those with the same status become one response. */
function successes(endpoint: AnyEndpoint, reference: Reference): Json {
  const { status, reply, headers, others } = endpoint;

  const examples = [...(reference.others ?? [])];
  const shown: Shown[] = [
    {
      status,
      when: `${reference.summary}: done.`,
      reply,
      headers,
      example: reference.reply,
      line: (example) => endpoint.line(example),
    },
    ...others.map((other) => ({ ...other, example: other.status === 204 ? undefined : examples.shift() })),
  ];
  const responses = [...Map.groupBy(shown, (success) => success.status)].map(
    ([code, same]) => [code, successResponse(endpoint, same)] as const,
  );
  return Object.fromEntries(responses);
}

function successResponse(endpoint: AnyEndpoint, same: readonly Shown[]): Json {
  const headers = new Set(same.flatMap((success) => Object.keys(success.headers)));
  return {
    description: same.map(({ when }) => when).join(' '),
    headers: headerRefs([...headersOf(endpoint), ...headers]),
    ...(at(same, 0).status === 204 ? {} : { content: contentOf(endpoint, same) }),
  };
}

function contentOf(endpoint: AnyEndpoint, same: readonly Shown[]): Json {
  const { reply, example } = at(same, 0);
  if (endpoint.isStream)
    return streamBody(endpoint.name, componentName(reply), present(example, `The example of ${endpoint.name}`));
  const schemas = same.map((success) => refTo(componentName(success.reply)));
  const names = same.map(({ when }, i) => (i === 0 ? endpoint.name : when));
  const examples = same.map(
    (success, i) => [at(names, i), present(success.example, `The example of ${endpoint.name}`)] as const,
  );
  const line: Line = (example, name) => at(same, names.indexOf(name)).line(example);
  const schema = schemas.length === 1 ? at(schemas, 0) : { anyOf: schemas };
  return bodies(endpoint.hasWarnings ? { allOf: [schema, refTo('Warnings')] } : schema, Object.fromEntries(examples), {
    line,
    alwaysJson: endpoint.alwaysJson,
  });
}

/** The headers that every success of an endpoint may have. */
const headersOf = ({ limit, idempotency }: Endpoint): string[] => [
  'X-Request-Id',
  ...(limit === 'none' ? [] : Object.keys(limitHeaders)),
  ...(idempotency === 'none' ? [] : ['Idempotency-Replayed']),
];

/** Statuses of refusals that happen before the request is counted. */
const uncounted = (['request_timeout', 'headers_too_large', 'not_configured'] as const).map((code) => statusOf[code]);

export function errorResponse(status: number, codes: readonly ErrorCode[], endpoint?: Endpoint): Json {
  const examples = Object.fromEntries(codes.map((code) => [code, { ...errorExample(code) }]));
  const waits = [429, 503].includes(status) ? ['Retry-After'] : [];
  const counted = endpoint?.limit === 'none' || uncounted.includes(status) ? [] : Object.keys(limitHeaders);
  return {
    description: `${STATUS_CODES[status]}: ${codes.join(', ')}.`,
    headers: headerRefs(['X-Request-Id', ...counted, ...waits, ...(status === 405 ? ['Allow'] : [])]),
    content: bodies(refTo('ErrorResponse'), examples, {
      // The examples of this reply are errors.
      line: (example) => errorLine(example as unknown as ErrorResponse),
      alwaysJson: endpoint?.alwaysJson ?? false,
    }),
  };
}
