import { type Endpoint, endpoints } from '@pinchwork/sdk/table';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../../verbs/context.ts';
import { admit, recognize } from '../admission.ts';
import { decode } from './body.ts';
import { bearerKey } from './endpoint.ts';
import { boundJson } from './json.ts';
import { renderInPieces } from './long-texts.ts';
import { refuseOrigin } from './origin.ts';
import type { ReplyTurns } from './output.ts';
import { tellUsage } from './rate-limits.ts';

/** What the routes of other protocols share: only the body says which endpoint a request calls, which counts it then. */

/** Who sends a request. */
export const credentialsOf = ({ headers, ip }: FastifyRequest) => ({
  key: bearerKey(headers.authorization),
  address: ip,
});

/**
 * Checks the origin and the key of a request before its body is read.
 *
 * @throws DomainError
 */
export async function receive(ctx: Context, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  refuseOrigin(ctx, request);
  const { caller, refusal, usage } = await recognize(ctx, endpoints.showMe, credentialsOf(request));
  tellUsage(reply, usage, ctx.clock.now());
  if (refusal !== undefined) throw refusal;
  request.caller = caller;
}

/** Counts a request as a read. @throws DomainError when the client may not read any more. */
export async function countAsRead(ctx: Context, reply: FastifyReply): Promise<void> {
  const { request } = reply;
  request.isCounted = true;
  const { refusal, usage } = await admit(ctx, endpoints.showMe, credentialsOf(request));
  tellUsage(reply, usage, ctx.clock.now());
  if (refusal !== undefined) throw refusal;
}

/** Notes that a request calls an endpoint: its reply may be refused or cut only while all that it called are reads. */
export function noteCall(request: FastifyRequest, { method }: Pick<Endpoint, 'method'>): void {
  request.isRead = request.isRead !== false && method === 'GET';
}

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

/** The JSON of an object; that of a long one is written in turn with other long replies. */
export const jsonOf = (turns: ReplyTurns, request: FastifyRequest, body: object): Promise<Buffer> | string =>
  turns.toWrite(request, body, () => renderInPieces(body, { render: JSON.stringify, quote: JSON.stringify })) ??
  JSON.stringify(body);
