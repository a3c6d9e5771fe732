import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { DomainError } from '../../ground/errors.ts';
import type { Context } from '../../verbs/context.ts';
import { addresses } from '../a2a/card.ts';
import { frameIn, rpcError, type RpcId, versionNotSpoken } from '../a2a/frame.ts';
import { isAnswer, rpcRefusal } from '../a2a/refusals.ts';
import { versionOf } from '../a2a/versions.ts';
import { openDoor } from '../invoke.ts';
import { clientOf, replyType, a2aRoute, sendAnswer, sendStream, type Serving, versionIn } from './a2a-request.ts';
import { serveA2aRest } from './a2a-rest.ts';
import { statusOf } from './errors.ts';
import type { ReplyTurns } from './output.ts';
import { textIn } from './protocols.ts';
import type { Refusal } from './reply.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The id of the request in JSON-RPC; undefined: none was read. */
    rpcId: RpcId | undefined;
  }
}

/** Serves A2A: JSON-RPC of 1.0 and 0.3, and the REST of 1.0 (contract section 14). */
export function serveA2a(app: FastifyInstance, ctx: Context, turns: ReplyTurns): void {
  const door = openDoor(ctx);
  let loaded: ReturnType<Serving['load']> | undefined;
  const load = () => (loaded ??= import('../a2a/door.ts').then(({ A2aDoor }) => new A2aDoor(ctx, door)));
  const serving: Serving = { ctx, turns, load };
  app.decorateRequest('rpcId');
  // Some clients add a slash to the address of the card.
  for (const url of [addresses.rpc, `${addresses.rpc}/`]) {
    app.route({ method: 'POST', url, ...a2aRoute(serving, answer, writeRefusal) });
  }
  serveA2aRest(app, serving);
}

async function answer(serving: Serving, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const read = frameIn(textIn(request));
  if (!('frame' in read)) return sendAnswer(serving, reply, read.body);
  const { frame } = read;
  request.rpcId = frame.id;
  const given = versionIn(request);
  const version = versionOf(given);
  if (version === undefined) return sendAnswer(serving, reply, rpcError(frame.id, versionNotSpoken(given ?? '')));
  const { load } = serving;
  const said = await (await load()).rpc({ version, frame }, clientOf(serving, request, reply));
  return 'events' in said ? sendStream(serving, reply, said.events) : sendAnswer(serving, reply, said.body);
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
