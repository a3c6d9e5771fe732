import { endpoints } from '@pinchwork/sdk/table';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../../ground/errors.ts';
import { present } from '../../ground/present.ts';
import type { Context } from '../../verbs/context.ts';
import type { Client } from '../a2a/calls.ts';
import type { A2aDoor } from '../a2a/door.ts';
import { recognize } from '../admission.ts';
import type { Door } from '../invoke.ts';
import { baseUrl } from './base-url.ts';
import { decode } from './body.ts';
import { bearerKey, hasBody, signalOf } from './endpoint.ts';
import { boundJson } from './json.ts';
import { renderInPieces } from './long-texts.ts';
import { refuseOrigin } from './origin.ts';
import type { ReplyTurns } from './output.ts';
import { tellUsage } from './rate-limits.ts';
import { sendTexts } from './sse.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether an endpoint was called for the request, and has counted it. */
    isCounted: boolean;
  }
}

export interface Serving {
  readonly ctx: Context;
  readonly door: Door;
  readonly turns: ReplyTurns;
  /** Loads the package of the protocol with the first call, so that a server that nobody calls so has no cost. */
  readonly load: () => Promise<A2aDoor>;
}

const mediaTypes = ['application/json', 'application/a2a+json'];

/**
 * Checks the origin and the key of a request before its body is read.
 *
 * @throws DomainError
 */
export async function receive({ ctx }: Serving, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  refuseOrigin(ctx, request);
  const { caller, refusal, usage } = await recognize(ctx, endpoints.showMe, credentialsOf(request));
  tellUsage(reply, usage, ctx.clock.now());
  if (refusal !== undefined) throw refusal;
  request.caller = caller;
  if (!hasBody(request) || mediaTypes.includes(typeOf(request))) return;
  throw new DomainError(
    'unsupported_media_type',
    'A2A takes application/json or application/a2a+json',
    'Send one of these as Content-Type.',
  );
}

const credentialsOf = ({ headers, ip }: FastifyRequest) => ({ key: bearerKey(headers.authorization), address: ip });

/** The media type of a request. */
const typeOf = ({ headers }: FastifyRequest) => headers['content-type'] ?? '';

/** The media type of the reply: the one that the client sent. */
export const replyType = (request: FastifyRequest) =>
  `${mediaTypes.includes(typeOf(request)) ? typeOf(request) : 'application/json'}; charset=utf-8`;

/**
 * The body of a request as text.
 *
 * @throws DomainError `invalid_request` for what is no text, and for more levels or values than any call needs.
 */
export function textIn({ body }: FastifyRequest): string {
  const text = body instanceof Uint8Array ? decode(body) : '';
  boundJson(text);
  return text;
}

/** The version that the client asks for: in the header, or in the query of the address. */
export function versionIn({ headers, query }: FastifyRequest): string | undefined {
  const given = headers['a2a-version'] ?? (query as Readonly<Record<string, unknown>>)['A2A-Version'];
  return given === undefined || typeof given === 'string' ? given : JSON.stringify(given);
}

export function clientOf({ ctx }: Serving, request: FastifyRequest, reply: FastifyReply): Client {
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

/** Counts a request for which no endpoint was called as a read. @throws DomainError when the client may not read any more. */
async function countOnce({ ctx, door }: Pick<Serving, 'ctx' | 'door'>, reply: FastifyReply): Promise<void> {
  const { request } = reply;
  if (request.isCounted) return;
  request.isCounted = true;
  const { refusal, usage } = await door.admit(endpoints.showMe, credentialsOf(request));
  tellUsage(reply, usage, ctx.clock.now());
  if (refusal !== undefined) throw refusal;
}

/** Answers a request; one that is refused before an endpoint was called is counted too. @throws DomainError */
export async function counting<T>(serving: Serving, reply: FastifyReply, answer: () => Promise<T>): Promise<T> {
  try {
    return await answer();
  } catch (error) {
    await countOnce(serving, reply);
    throw error;
  }
}

/** Sends an answer. One for which no endpoint was called is counted as a read first. */
export async function sendAnswer(
  { ctx, door, turns }: Serving,
  reply: FastifyReply,
  body: object,
): Promise<FastifyReply> {
  const { request } = reply;
  await countOnce({ ctx, door }, reply);
  const pieces = () => renderInPieces(body, { render: JSON.stringify, quote: JSON.stringify });
  const writing = turns.toWrite(request, body, pieces);
  const text = writing === undefined ? JSON.stringify(body) : await writing;
  return reply.header('content-type', replyType(request)).send(text);
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
