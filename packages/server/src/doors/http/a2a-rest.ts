import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type DomainError, invalid } from '../../ground/errors.ts';
import { addresses } from '../a2a/card.ts';
import { versionNotSpoken } from '../a2a/frame.ts';
import { restError, rpcRefusal } from '../a2a/refusals.ts';
import type { RestRequest } from '../a2a/rest.ts';
import { versionOf } from '../a2a/versions.ts';
import { clientOf, replyType, a2aRoute, sendAnswer, sendStream, type Serving, versionIn } from './a2a-request.ts';
import { statusOf } from './errors.ts';
import { readJson } from './json.ts';
import { textIn } from './protocols.ts';
import type { Refusal } from './reply.ts';

/** Serves the REST of A2A 1.0. The colons in its paths mean something else to the router, so it gets one route. */
export function serveA2aRest(app: FastifyInstance, serving: Serving): void {
  app.route({
    method: ['GET', 'POST', 'DELETE'],
    url: `${addresses.rest}/*`,
    exposeHeadRoute: false,
    ...a2aRoute(serving, answer, writeRefusal),
  });
}

async function answer(serving: Serving, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const given = versionIn(request);
  // The address says the version, so a client need not.
  if (given !== undefined && versionOf(given) !== '1.0') {
    return sendAnswer(serving, reply.code(400), restError(400, versionNotSpoken(given)));
  }
  const { load } = serving;
  const said = await (await load()).rest(restRequest(request), clientOf(serving, request, reply));
  if ('events' in said) return sendStream(serving, reply, said.events);
  if (said.allowed !== undefined) reply.header('allow', said.allowed);
  return sendAnswer(serving, reply.code(said.status), said.body);
}

/** @throws DomainError `invalid_request` for a body that is no JSON object. */
function restRequest(request: FastifyRequest): RestRequest {
  const { params, query, method } = request;
  const text = textIn(request);
  const { fields, problem } = text === '' ? { fields: {} } : readJson(text);
  if (fields === undefined) throw invalid(`The body is not valid JSON: ${problem}`);
  return {
    method: method as RestRequest['method'],
    path: `/${(params as Readonly<Record<'*', string>>)['*']}`,
    query: query as Readonly<Record<string, unknown>>,
    body: fields,
  };
}

/** A refusal as A2A 1.0 writes it: `google.rpc.Status`. */
function writeRefusal(refusal: DomainError, request: FastifyRequest): Refusal {
  const status = refusal.code === 'forbidden' && request.isCounted ? 404 : statusOf[refusal.code];
  const body = restError(status, rpcRefusal(refusal, request.id, request.isCounted));
  return { status, type: replyType(request), body };
}
