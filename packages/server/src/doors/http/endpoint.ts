import { type AnyEndpoint, endpointRows, type Endpoint, type OtherSuccess } from '@pinchwork/sdk/table';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { present } from '../../ground/present.ts';
import type { Context } from '../../verbs/context.ts';
import type { Credentials } from '../caller.ts';
import { sha256 } from '../idempotency.ts';
import type { InvokeOptions, RawInput } from '../input.ts';
import { type Door, openDoor, type Outcome } from '../invoke.ts';
import type { OpenStream } from '../../rules/events/streams.ts';
import type { OpenMarketStream } from '../../rules/market/stream.ts';
import { baseUrl, cacheDocument } from './base-url.ts';
import { type Body, type BodyRow, readBody, withTextHint } from './body.ts';
import type { Fields } from './fields.ts';
import { refuseType } from './media-type.ts';
import { readQuery } from './query.ts';
import type { ReplyTurns } from './output.ts';
import { tellUsage } from './rate-limits.ts';
import { piecesOf, sendReply, sendText } from './reply.ts';
import { lastEventId, sendEvents } from './sse.ts';

/** Registers a route for every endpoint of the table. */
export function serveEndpoints(app: FastifyInstance, ctx: Context, turns: ReplyTurns): void {
  const door = openDoor(ctx);
  for (const endpoint of endpointRows) serve(app, endpoint, { ctx, door, turns });
}

interface Serving {
  readonly ctx: Context;
  readonly door: Door;
  readonly turns: ReplyTurns;
}

function serve(app: FastifyInstance, endpoint: AnyEndpoint, { ctx, door, turns }: Serving): void {
  const send = sender(ctx, endpoint);
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    bodyLimit: endpoint.bodyBytes,
    config: { alwaysJson: endpoint.alwaysJson, countsItself: true },
    // Runs before the body is read, so that a refused caller need not send one.
    onRequest: async (request, reply) => {
      const { authorization } = request.headers;
      const credentials: Credentials = {
        key: bearerKey(authorization),
        address: request.ip,
        idempotencyKey: idempotencyKeyOf(request),
      };
      const { caller, refusal, usage } = await door.admit(endpoint, credentials);
      tellUsage(reply, usage, ctx.clock.now());
      if (refusal !== undefined) throw refusal;
      request.caller = caller;
      if (hasBody(request)) refuseType(request.headers['content-type'], request.headers['content-encoding']);
    },
    handler: async (request, reply) => {
      const exchange = new Exchange(ctx, endpoint, request, reply);
      const toRead = turns.toRead(request);
      if (toRead !== undefined) await toRead;
      let outcome: Outcome;
      try {
        outcome = await door.invoke(endpoint, present(request.caller, 'The caller'), exchange, exchange);
      } catch (error) {
        throw withTextHint(error, endpoint.mainField, exchange.fields);
      }
      request.isRepetition = outcome.replayed;
      const { success } = outcome;
      const pieces = () => piecesOf(request, outcome.reply as Fields, (shown) => success.line(shown));
      const writing = endpoint.isStream ? undefined : turns.toWrite(request, outcome.reply, pieces);
      const written = writing && (await writing);
      if (outcome.replayed) reply.header('idempotency-replayed', 'true');
      return send(reply, { success, body: outcome.reply, written });
    },
  });
}

/** Whether to read the body. GET requests ignore theirs. */
export const hasBody = ({ method, headers }: FastifyRequest) =>
  method !== 'GET' &&
  method !== 'HEAD' &&
  (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0);

/** Node joins the values of a header that is sent several times. */
const idempotencyKeyOf = ({ headers }: FastifyRequest) => headers['idempotency-key'] as string | undefined;

/** The key in an `Authorization` header. Undefined: none. */
export const bearerKey = (authorization: string | undefined) => /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];

/** One request as the door sees it. It reads the query and the body only on demand. */
class Exchange implements RawInput, InvokeOptions {
  #read: Body | undefined;
  readonly #ctx: Context;
  readonly #endpoint: Endpoint;
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;

  constructor(ctx: Context, endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply) {
    this.#ctx = ctx;
    this.#endpoint = endpoint;
    this.#request = request;
    this.#reply = reply;
  }

  get params(): Readonly<Record<string, string>> {
    // The router fills the parameters of a path with texts.
    return this.#request.params as Record<string, string>;
  }

  get query(): Fields {
    const { query: schema, isStream, auth } = this.#endpoint;
    const query = readQuery(schema, this.#request.query);
    // The public stream has no positions.
    const after = isStream && auth === 'agent' ? lastEventId(this.#request) : undefined;
    return after === undefined ? query : { ...query, after };
  }

  get body(): Fields {
    const { headers, body } = this.#request;
    // The door asks for the body only where the row has one.
    this.#read ??= readBody(this.#endpoint as BodyRow, headers['content-type'], body);
    return this.#read.fields;
  }

  /** The fields of the body. Undefined until it has been read. */
  get fields(): Fields | undefined {
    return this.#read?.fields;
  }

  get isBareAnswer(): boolean {
    return this.#read?.isBareAnswer === true;
  }

  get idempotencyKey(): string | undefined {
    return idempotencyKeyOf(this.#request);
  }

  /** A repetition must have the same bytes. */
  fingerprint(): string {
    const { method, originalUrl, body } = this.#request;
    return sha256(`${method} ${originalUrl}\n`, body instanceof Uint8Array ? body : '');
  }

  get origin(): string {
    return baseUrl(this.#ctx, this.#request);
  }

  get settled(): (() => void) | undefined {
    return this.#request.releaseBody;
  }

  get signal(): AbortSignal {
    return signalOf(this.#reply);
  }
}

/** Aborted when the connection ends before the reply has been sent. */
export function signalOf({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  if (raw.closed) controller.abort();
  raw.once('close', () => controller.abort());
  return controller.signal;
}

/** A reply to be sent. */
interface Successful {
  readonly success: Endpoint | OtherSuccess;
  readonly body: object;
  /** The whole reply as text, if it is long. */
  readonly written: Buffer | undefined;
}

type Send = (reply: FastifyReply, successful: Successful) => FastifyReply;

/** Makes the function that sends the successful replies of an endpoint. */
function sender(ctx: Context, endpoint: Endpoint): Send {
  if (endpoint.isStream) {
    return (reply, { body }) => {
      const agentId = reply.request.caller?.agentId ?? '';
      // The verb of such an endpoint opens a stream.
      sendEvents(reply, body as OpenStream | OpenMarketStream, (bytes) => {
        if (agentId !== '') ctx.limits.noteRead(agentId, bytes);
      });
      return reply;
    };
  }
  const headersOf = new Map<Endpoint | OtherSuccess, [string, string][]>(
    [endpoint, ...endpoint.others].map((success) => [success, Object.entries(success.headers)]),
  );
  return (reply, { success, body, written }) => {
    // Replies are plain objects.
    const fields = body as Fields;
    // The fields that headers show are single values.
    for (const [header, field] of present(headersOf.get(success), 'The row of the success')) {
      const value = fields[field] as string | number | boolean | null | undefined;
      if (value !== undefined && value !== null) reply.header(header, String(value));
    }
    if (endpoint.isDocument) cacheDocument(ctx, reply);
    if (success.status === 204) return reply.code(204).send();
    return written === undefined
      ? sendReply(reply, success.status, fields, (shown) => success.line(shown))
      : sendText(reply, success.status, written);
  };
}
