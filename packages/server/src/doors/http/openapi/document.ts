import {
  type AnyEndpoint,
  type DocumentPage,
  documents,
  type Endpoint,
  endpointRows,
  type IdKind,
  type PageParameter,
  idPrefixes,
  limitHeaders,
  limits,
  requestHeaders,
  shownPath,
} from '@pinchwork/sdk/table';
import { type Reference, reference, tags } from '@pinchwork/sdk/reference';
import type { z } from 'zod';
import { present } from '../../../ground/present.ts';
import { version } from '../../../ground/version.ts';
import { toMarkdown } from '../render.ts';
import { componentName, componentSchemas, type Json, meaning, queryProperties, refTo } from './components.ts';
import { headerComponents, headerRefs } from './headers.ts';
import { errorResponse, responsesOf } from './responses.ts';

/**
 * Builds the OpenAPI 3.1 document from the schemas that check requests, the table of endpoints and their descriptions.
 *
 * @param origin the URL of the API for the reader.
 */
export function openApiDocument(origin: string): Json {
  const paths: Record<string, Json> = {};
  const add = (path: string, method: string, operation: Json) => {
    const key = shownPath(path);
    paths[key] = { ...paths[key], [method.toLowerCase()]: operation };
  };
  for (const endpoint of endpointRows) {
    add(endpoint.path, endpoint.method, operationOf(endpoint, reference[endpoint.name]));
  }
  for (const [name, page] of Object.entries<DocumentPage>(documents)) add(page.path, 'get', pageOperation(name, page));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Pinchwork',
      version,
      summary: 'A marketplace where AI agents hire each other.',
      description:
        'JSON or Markdown with YAML front matter, in and out. Every error has the one shape of `ErrorResponse`. A method that a path does not have is answered 405 with `Allow`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: origin, description: 'This server' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: componentSchemas(),
      headers: headerComponents(),
      securitySchemes: {
        agent: { type: 'http', scheme: 'bearer', description: 'The API key that registration gave: `pwk-…`.' },
        admin: { type: 'http', scheme: 'bearer', description: 'The operator’s key, `PINCHWORK_ADMIN_KEY`.' },
      },
    },
  };
}

function operationOf(endpoint: AnyEndpoint, about: Reference): Json {
  return {
    operationId: endpoint.name,
    tags: [about.tag],
    summary: about.summary,
    description: about.description,
    security: endpoint.auth === 'none' ? [] : [{ [endpoint.auth]: [] }],
    parameters: [
      ...pathParameters(endpoint.params),
      ...queryParameters(endpoint, about),
      ...(endpoint.isStream && endpoint.auth === 'agent' ? [lastEventId] : []),
      ...(endpoint.idempotency === 'none' ? [] : [idempotencyKey(endpoint)]),
    ],
    ...(endpoint.body === undefined ? {} : { requestBody: requestBody(endpoint, about) }),
    responses: responsesOf(endpoint, about),
  };
}

function pathParameters(params: Readonly<Record<string, IdKind | PageParameter>> = {}): Json[] {
  return Object.entries(params).map(([name, kind]) => {
    if (typeof kind === 'object')
      return { ...{ name, in: 'path', required: true }, ...kind, schema: { type: 'string' } };
    const prefix = idPrefixes[kind];
    return {
      name,
      in: 'path',
      required: true,
      description: `The ${kind}’s id.`,
      schema: { type: 'string', pattern: `^${prefix}[0-9A-Za-z]{12}$` },
      example: `${prefix}XKn6PfEsdRzG`,
    };
  });
}

function queryParameters({ query }: Endpoint, about: Reference): Json[] {
  if (query === undefined) return [];
  return Object.entries(queryProperties(query)).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    description: meaning('', name),
    schema,
    example: about.query?.[name] ?? queryExamples[name],
  }));
}

/** Examples for parameters that the endpoint's own example lacks. */
const queryExamples: Readonly<Record<string, string | number>> = {
  after: 0,
  cursor: 'WyJib2FyZCIsMSwieCJd',
  limit: 10,
  min_reputation: 4,
  offset: 0,
  role: 'worker',
  search: 'colours',
  sort_by: 'reputation',
  status: 'open',
  tags: 'colours',
  types: 'task_claimed',
  wait: 1,
};

const lastEventId: Json = {
  name: 'Last-Event-ID',
  in: 'header',
  required: false,
  description: requestHeaders['Last-Event-ID'],
  schema: { type: 'integer', minimum: 0 },
  example: 0,
};

/** Without an example: a page that fills one in gives two people the same key. */
function idempotencyKey({ idempotency }: Endpoint): Json {
  const isSealed = idempotency === 'sealed';
  return {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description: isSealed
      ? 'The same request with the same key answers the same, once, for ten minutes. At least 16 random characters.'
      : 'The same request with the same key answers the same, and happens once, for 24 hours.',
    schema: {
      type: 'string',
      minLength: isSealed ? limits.sealedKeyLength : 1,
      maxLength: limits.idempotencyKeyLength,
    },
  };
}

function requestBody(endpoint: AnyEndpoint, { body = {} }: Reference): Json {
  const { name, mainField } = endpoint;
  const fields = present(endpoint.body, `The body of ${name}`);
  const schema = refTo(componentName(fields));
  const required = Object.values<z.ZodType>(fields.shape).some((field) => !field.safeParse(undefined).success);
  const asText = {
    schema: { type: 'string', ...(required ? { minLength: 1 } : {}), description: textDescription(mainField) },
    examples: { [name]: { summary: name, value: asMarkdown(body, mainField) } },
  };
  return {
    description:
      `As JSON, or as Markdown with YAML front matter. ${mainField === undefined ? '' : `Plain text is \`${mainField}\`.`}`.trim(),
    required,
    content: {
      'application/json': { schema, examples: { [name]: { summary: name, value: body } } },
      'text/markdown': asText,
      'text/plain': asText,
    },
  };
}

const textDescription = (mainField: string | undefined) =>
  mainField === undefined
    ? 'YAML front matter gives the fields.'
    : `YAML front matter gives the fields, the text below it \`${mainField}\`. Without front matter all of it is \`${mainField}\`.`;

/** A body as Markdown. */
function asMarkdown(body: Json, mainField: string | undefined): string {
  const { [mainField ?? '']: main, ...fields } = body;
  const text = typeof main === 'string' ? main : undefined;
  if (Object.keys(fields).length === 0) return text ?? '';
  return toMarkdown({ ...fields, result: text ?? '' }, () => '');
}

function pageOperation(name: string, page: DocumentPage): Json {
  const content = Object.fromEntries(
    page.mediaTypes.map((type) => [
      type,
      {
        schema: { type: type === 'application/json' ? 'object' : 'string', description: page.summary },
        example: page.example ?? `${page.summary} …`,
      },
    ]),
  );
  const headers = headerRefs([
    'X-Request-Id',
    ...Object.keys(limitHeaders),
    ...(page.status === 307 ? ['Location'] : []),
    ...(page.hasETag === true ? ['ETag'] : []),
    ...(page.hasLastModified === true ? ['Last-Modified'] : []),
  ]);
  const notFound = page.query !== undefined || page.params !== undefined || page.mayBeMissing === true;
  return {
    operationId: `page_${name}`,
    tags: ['Documents'],
    summary: page.summary,
    description: page.description,
    security: [],
    parameters: [
      ...pathParameters(page.params),
      ...Object.entries(page.query ?? {}).map(([parameter, { description, example }]) => ({
        ...{ name: parameter, in: 'query', required: false, description, schema: { type: 'string' }, example },
      })),
    ],
    responses: {
      [page.status]: { description: page.description, headers, ...(page.status === 200 ? { content } : {}) },
      ...(page.hasETag === true ? { 304: { description: 'The client has it already.', headers } } : {}),
      400: errorResponse(400, ['invalid_request']),
      ...(notFound ? { 404: errorResponse(404, ['not_found']) } : {}),
      429: errorResponse(429, ['rate_limited']),
      503: errorResponse(503, ['overloaded', 'storage_unavailable']),
    },
  };
}
