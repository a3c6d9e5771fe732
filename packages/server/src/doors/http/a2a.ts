import { endpoints, limits } from '@pinchwork/sdk/table';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../../ground/errors.ts';
import { present } from '../../ground/present.ts';
import type { Context } from '../../verbs/context.ts';
import type { Client } from '../a2a/calls.ts';
import type { A2aDoor } from '../a2a/door.ts';
import { frameIn, rpcError, versionNotSpoken } from '../a2a/frame.ts';
import { isAnswer, rpcRefusal } from '../a2a/refusals.ts';
import { versionOf } from '../a2a/versions.ts';
import { recognize } from '../admission.ts';
import { type Door, openDoor } from '../invoke.ts';
import { baseUrl } from './base-url.ts';
import { bearerKey, signalOf } from './endpoint.ts';
import { statusOf } from './errors.ts';
import { boundJson } from './json.ts';
import { renderInPieces } from './long-texts.ts';
import { refuseOrigin } from './origin.ts';
import type { ReplyTurns } from './output.ts';
import { tellUsage } from './rate-limits.ts';
import type { Refusal } from './reply.ts';
import { sendTexts } from './sse.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The id of the request in JSON-RPC; undefined: none was read. */
    rpcId: string | number | null | undefined;
    /** Whether an endpoint was called for the request, and has counted it. */
    isCounted: boolean;
  }
}

interface Serving {
  readonly ctx: Context;
  readonly door: Door;
  readonly turns: ReplyTurns;
  /** Loads the package of the protocol with the first call, so that a server that nobody calls so has no cost. */
  readonly load: () => Promise<A2aDoor>;
}

/** Serves A2A: JSON-RPC of 1.0 and 0.3 (contract section 14). */
export function serveA2a(app: FastifyInstance, ctx: Context, turns: ReplyTurns): void {
  const door = openDoor(ctx);
  let loaded: Promise<A2aDoor> | undefined;
  const load = () => (loaded ??= import('../a2a/door.ts').then(({ A2aDoor }) => new A2aDoor(ctx, door)));
  const serving: Serving = { ctx, door, turns, load };
  app.decorateRequest('rpcId');
  app.decorateRequest('isCounted', false);
  // Some clients add a slash to the address of the card.
  for (const url of ['/a2a', '/a2a/']) {
    app.route({
      method: 'POST',
      url,
      bodyLimit: limits.bodyBytes,
      config: { countsItself: true, writeRefusal },
      onRequest: (request, reply) => receive(serving, request, reply),
      handler: (request, reply) => answer(serving, request, reply),
    });
  }
}

const mediaTypes = ['application/json', 'application/a2a+json'];

/** Checks a request before its body is read. */
async function receive({ ctx }: Serving, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  refuseOrigin(ctx, request);
  const { caller, refusal, usage } = await recognize(ctx, endpoints.showMe, credentialsOf(request));
  tellUsage(reply, usage, ctx.clock.now());
  if (refusal !== undefined) {
    reply.header('www-authenticate', 'Bearer');
    throw refusal;
  }
  request.caller = caller;
  if (!mediaTypes.includes(typeOf(request))) {
    throw new DomainError(
      'unsupported_media_type',
      'A2A takes application/json or application/a2a+json',
      'Send one of these as Content-Type.',
    );
  }
}

const credentialsOf = ({ headers, ip }: FastifyRequest) => ({ key: bearerKey(headers.authorization), address: ip });

/** The media type of a request. */
const typeOf = ({ headers }: FastifyRequest) => headers['content-type'] ?? '';

/** The media type of the reply: the one that the client sent. */
const replyType = (request: FastifyRequest) =>
  `${mediaTypes.includes(typeOf(request)) ? typeOf(request) : 'application/json'}; charset=utf-8`;

async function answer(serving: Serving, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { ctx, load, turns } = serving;
  const read = frameIn(textIn(request));
  if (!('frame' in read)) return afterCount(serving, request, reply, read.body);
  const { frame } = read;
  request.rpcId = frame.id;
  const given = versionIn(request);
  const version = versionOf(given);
  if (version === undefined)
    return afterCount(serving, request, reply, rpcError(frame.id, versionNotSpoken(given ?? '')));
  const said = await (await load()).rpc({ version, frame }, clientOf(serving, request, reply));
  if ('events' in said) {
    const { agentId } = present(request.caller, 'The caller');
    return sendTexts(reply, textsOf(said.events), (bytes) => ctx.limits.noteRead(agentId, bytes));
  }
  if (!request.isCounted) return afterCount(serving, request, reply, said.body);
  const pieces = () => renderInPieces(said.body, { render: JSON.stringify, quote: JSON.stringify });
  const writing = turns.toWrite(request, said.body, pieces);
  return sendBody(reply, writing === undefined ? JSON.stringify(said.body) : await writing);
}

/** Answers a request that has called no endpoint: it is counted as a read. */
async function afterCount(
  { ctx, door }: Serving,
  request: FastifyRequest,
  reply: FastifyReply,
  body: object,
): Promise<FastifyReply> {
  const { refusal, usage } = await door.admit(endpoints.showMe, credentialsOf(request));
  tellUsage(reply, usage, ctx.clock.now());
  if (refusal !== undefined) throw refusal;
  return sendBody(reply, JSON.stringify(body));
}

const sendBody = (reply: FastifyReply, body: string | Buffer): FastifyReply =>
  reply.header('content-type', replyType(reply.request)).send(body);

/** The body of a request as text. @throws DomainError `invalid_request` for more levels or values than any call needs. */
function textIn({ body }: FastifyRequest): string {
  const text = body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : '';
  boundJson(text);
  return text;
}

/** The version that the client asks for: in the header, or in the query of the address. */
function versionIn({ headers, query }: FastifyRequest): string | undefined {
  const given = headers['a2a-version'] ?? (query as Readonly<Record<string, unknown>>)['A2A-Version'];
  return given === undefined ? undefined : String(given);
}

function clientOf({ ctx }: Serving, request: FastifyRequest, reply: FastifyReply): Client {
  const { agentId, key } = present(request.caller, 'The caller');
  return {
    ...{ agentId, keyId: key?.id, credentials: credentialsOf(request), requestId: request.id },
    origin: baseUrl(ctx, request),
    signal: signalOf(reply),
    settled: request.releaseBody,
    tellUsage: (usage) => {
      request.isCounted = true;
      tellUsage(reply, usage, ctx.clock.now());
    },
  };
}

/** Events as they stand in a stream. */
async function* textsOf(events: AsyncIterable<object>): AsyncGenerator<string, void, undefined> {
  for await (const event of events) yield `data: ${JSON.stringify(event)}\n\n`;
}

/** A refusal as an answer of JSON-RPC. Before a method was called, it has the status of HTTP. */
function writeRefusal(refusal: DomainError, request: FastifyRequest): Refusal {
  const { rpcId, id } = request;
  const isCalled = rpcId !== undefined;
  return {
    status: isCalled && isAnswer(refusal) ? 200 : statusOf[refusal.code],
    type: replyType(request),
    body: rpcError(rpcId ?? null, rpcRefusal(refusal, id, isCalled)),
  };
}
