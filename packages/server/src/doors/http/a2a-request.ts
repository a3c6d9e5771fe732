import { limits } from '@pinchwork/sdk/table';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../../ground/errors.ts';
import { present } from '../../ground/present.ts';
import type { Context } from '../../verbs/context.ts';
import type { Client } from '../a2a/calls.ts';
import type { A2aDoor } from '../a2a/door.ts';
import { baseUrl } from './base-url.ts';
import { hasBody, signalOf } from './endpoint.ts';
import type { ReplyTurns } from './output.ts';
import { countAsRead, credentialsOf, jsonOf, noteCall, receive } from './protocols.ts';
import { tellUsage } from './rate-limits.ts';
import type { Refusal } from './reply.ts';
import { sendTexts } from './sse.ts';

export interface Serving {
  readonly ctx: Context;
  readonly turns: ReplyTurns;
  /** Loads the package of the protocol with the first call, so that a server that nobody calls so has no cost. */
  readonly load: () => Promise<A2aDoor>;
}

const mediaTypes = ['application/json', 'application/a2a+json'];

/** A refusal in the words of a binding. */
type WriteRefusal = (refusal: DomainError, request: FastifyRequest) => Refusal;

type Handle = (serving: Serving, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** What the routes of both bindings have in common. */
export const a2aRoute = (serving: Serving, handle: Handle, writeRefusal: WriteRefusal) => ({
  bodyLimit: limits.bodyBytes,
  config: {
    countsItself: true,
    countRefused: (reply: FastifyReply) => countAsRead(serving.ctx, reply),
    writeRefusal,
  },
  onRequest: async (request: FastifyRequest, reply: FastifyReply) => {
    await receive(serving.ctx, request, reply);
    refuseType(request);
  },
  handler: (request: FastifyRequest, reply: FastifyReply) => handle(serving, request, reply),
});

/** @throws DomainError `unsupported_media_type` */
function refuseType(request: FastifyRequest): void {
  if (!hasBody(request) || mediaTypes.includes(typeOf(request))) return;
  throw new DomainError(
    'unsupported_media_type',
    'A2A takes application/json or application/a2a+json',
    'Send one of these as Content-Type.',
  );
}

/** The media type of a request. */
const typeOf = ({ headers }: FastifyRequest) => headers['content-type'] ?? '';

/** The media type of the reply: the one that the client sent. */
export const replyType = (request: FastifyRequest) =>
  `${mediaTypes.includes(typeOf(request)) ? typeOf(request) : 'application/json'}; charset=utf-8`;

/** The version that the client asks for: in the header, or in the query of the address. */
export function versionIn({ headers, query }: FastifyRequest): string | undefined {
  const given = headers['a2a-version'] ?? (query as Readonly<Record<string, unknown>>)['A2A-Version'];
  return given === undefined || typeof given === 'string' ? given : JSON.stringify(given);
}

export function clientOf({ ctx, turns }: Serving, request: FastifyRequest, reply: FastifyReply): Client {
  const { agentId, key } = present(request.caller, 'The caller');
  return {
    agentId,
    keyId: key?.id,
    credentials: credentialsOf(request),
    requestId: request.id,
    origin: baseUrl(ctx, request),
    signal: signalOf(reply),
    settled: request.releaseBody,
    beforeCall: (endpoint) => {
      noteCall(request, endpoint);
      return turns.toRead(request);
    },
    tellUsage: (usage) => {
      request.isCounted = true;
      tellUsage(reply, usage, ctx.clock.now());
    },
  };
}

/** Sends an answer. One for which no endpoint was called is counted as a read first. */
export async function sendAnswer({ ctx, turns }: Serving, reply: FastifyReply, body: object): Promise<FastifyReply> {
  const { request } = reply;
  if (!request.isCounted) await countAsRead(ctx, reply);
  return reply.header('content-type', replyType(request)).send(await jsonOf(turns, request, body));
}

/** Sends a stream of events. */
export function sendStream(
  { ctx }: Serving,
  reply: FastifyReply,
  events: AsyncIterable<object>,
): Promise<FastifyReply> {
  const { agentId } = present(reply.request.caller, 'The caller');
  return sendTexts(reply, textsOf(events), (bytes) => ctx.limits.noteRead(agentId, bytes));
}

async function* textsOf(events: AsyncIterable<object>): AsyncGenerator<string, void, undefined> {
  for await (const event of events) yield `data: ${JSON.stringify(event)}\n\n`;
}
