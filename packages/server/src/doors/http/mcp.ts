import type { OutgoingHttpHeaders } from 'node:http';
import { limits } from '@pinchwork/sdk/table';
import {
  type Catalog,
  completesTasks,
  declareTasks,
  type Surroundings,
  taskScheme,
  toolsByName,
} from '@pinchwork/sdk/mcp';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../ground/clock.ts';
import { invalid } from '../../ground/errors.ts';
import { present } from '../../ground/present.ts';
import type { Context } from '../../verbs/context.ts';
import { type Door, openDoor } from '../invoke.ts';
import type { McpHandler } from '../mcp/handler.ts';
import { marketOf } from '../mcp/market.ts';
import { type Guide, skillFiles } from '../pages/guide.ts';
import { baseUrl } from './base-url.ts';
import { guides } from './documents/guide.ts';
import { signalOf } from './endpoint.ts';
import type { ReplyTurns } from './output.ts';
import { countAsRead, credentialsOf, jsonOf, noteCall, receive, textIn } from './protocols.ts';
import type { RefusalPace } from './refusals.ts';

const path = '/mcp';

/** The headers that the protocol reads. */
const read = ['accept', 'content-type', 'mcp-protocol-version', 'mcp-method', 'mcp-name'];

interface McpOptions {
  readonly pace: RefusalPace;
  readonly turns: ReplyTurns;
  /** What is offered. Undefined: the market. */
  readonly catalog: Catalog | undefined;
}

/** Serves MCP. Its library is loaded with the first call, so that a server that nobody calls so has no cost. */
export function serveMcp(app: FastifyInstance, ctx: Context, { pace, turns, catalog }: McpOptions): void {
  const door = openDoor(ctx);
  const guideFor = guides(ctx);
  let loaded: Promise<McpHandler> | undefined;
  const load = async () =>
    (await import('../mcp/handler.ts')).openMcp((error) => ctx.log.debug({ err: error }, 'mcp'), catalog);
  app.route({
    method: 'POST',
    url: path,
    bodyLimit: limits.bodyBytes,
    // Each call of a tool is counted as the endpoint that it calls.
    config: { alwaysJson: true, countsItself: true, countRefused: (reply) => countAsRead(ctx, reply) },
    onRequest: (request, reply) => receive(ctx, request, reply),
    handler: async (request, reply) => {
      const exchange: Exchange = { ctx, door, pace, turns, guideFor, request, reply };
      const message = messageIn(request);
      for (const each of messagesIn(message)) if (!callsEndpoint(each)) await countAsRead(ctx, reply);
      const answer = await (loaded ??= load());
      const signal = signalOf(reply);
      const posted = { headers: headersOf(request), message, signal };
      const response = await Promise.race([answer(posted, surroundingsOf(exchange)), untilAborted(signal)]);
      if (response === undefined) return reply.send();
      // What the protocol refuses before it calls a tool is counted too.
      if (!request.isCounted && !isStream(response)) await countAsRead(ctx, reply);
      return send(response, exchange);
    },
  });
}

interface Exchange {
  readonly ctx: Context;
  readonly door: Door;
  readonly pace: RefusalPace;
  readonly turns: ReplyTurns;
  readonly guideFor: (request: FastifyRequest) => Guide;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Reads the message of a request. @throws DomainError `invalid_request` */
function messageIn(request: FastifyRequest): unknown {
  const text = textIn(request);
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('The body is not valid JSON', 'Send one JSON-RPC message.');
  }
}

/** What the calls of endpoints have, unchecked. */
interface Params {
  readonly name?: unknown;
  readonly uri?: unknown;
  readonly taskId?: unknown;
  readonly _meta?: object;
}

/** Whether a message calls an endpoint, which counts it. All others are counted as reads. */
function callsEndpoint(message: unknown): boolean {
  if (typeof message !== 'object' || message === null) return false;
  const { method, params } = message as { method?: unknown; params?: Params | null };
  if (method === 'tools/call') return typeof params?.name === 'string' && toolsByName.has(params.name);
  if (method === 'tasks/get' || method === 'tasks/cancel' || method === 'tasks/update') {
    return typeof params?.taskId === 'string' && declareTasks(params._meta);
  }
  if (method === 'completion/complete') return completesTasks(params);
  return method === 'resources/read' && typeof params?.uri === 'string' && params.uri.startsWith(taskScheme);
}

/** The messages of a body: some revisions of the old era send several at once. */
const messagesIn = (message: unknown): readonly unknown[] => (Array.isArray(message) ? message : [message]);

function headersOf({ headers }: FastifyRequest): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of read) if (typeof headers[name] === 'string') kept[name] = headers[name];
  return kept;
}

function surroundingsOf({ ctx, door, pace, turns, guideFor, request }: Exchange): Surroundings {
  const origin = baseUrl(ctx, request);
  return {
    market: marketOf(door, {
      credentials: credentialsOf(request),
      origin,
      requestId: request.id,
      counted: () => {
        request.isCounted = true;
      },
      beforeCall: (endpoint) => {
        noteCall(request, endpoint);
        return turns.toRead(request);
      },
      beforeAnswer: (data) => turns.toCut(request, data),
      refused: (refusal, error) => {
        request.refusal = { code: refusal.code, error };
        return pace.wait(refusal.code, request.ip);
      },
    }),
    json: async (data) => String(await jsonOf(turns, request, data)),
    skillFile: (name) => skillFiles(guideFor(request)).get(name),
    now: () => ctx.clock.now(),
    every: (ms, tick) => repeat(ctx.clock, ms, tick),
  };
}

/** Calls back again and again. @returns the function that ends it. */
function repeat(clock: Clock, ms: number, tick: () => void): () => void {
  let cancel: () => void;
  const next = () => {
    cancel = clock.after(ms, () => {
      next();
      tick();
    });
  };
  next();
  return () => cancel();
}

const json = 'application/json; charset=utf-8';

/** Names the session of a client of the old era, where there are sessions. */
const sessionHeader = 'mcp-session-id';

/** Resolves when the client has left; at once if it has left already. */
const untilAborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });

const isStream = (response: Response | object): boolean =>
  response instanceof Response && response.headers.get('content-type')?.startsWith('text/event-stream') === true;

/** Sends an answer: one message, or a whole response, which may be a stream of events. */
async function send(response: Response | object, exchange: Exchange): Promise<FastifyReply> {
  const { reply, turns } = exchange;
  if (!(response instanceof Response)) {
    return reply.header('content-type', json).send(await jsonOf(turns, reply.request, response));
  }
  if (isStream(response)) return stream(response, exchange);
  reply.code(response.status);
  const session = response.headers.get(sessionHeader);
  if (session !== null) reply.header(sessionHeader, session);
  const text = await response.text();
  return text === '' ? reply.send() : reply.header('content-type', json).send(text);
}

/** Writes to the socket directly, as the streams of events do. */
async function stream({ body }: Response, exchange: Exchange): Promise<FastifyReply> {
  const { ctx, request, reply } = exchange;
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
  });
  raw.flushHeaders();
  const agentId = request.caller?.agentId ?? '';
  const reader: ReadableStreamDefaultReader<Uint8Array> = present(body, 'The body of a stream').getReader();
  raw.once('close', () => void reader.cancel().catch(() => undefined));
  for (;;) {
    const { done, value } = await reader.read();
    if (done || raw.destroyed) break;
    ctx.limits.noteRead(agentId, value.length);
    if (!raw.write(value)) await new Promise((resolve) => raw.once('drain', resolve).once('close', resolve));
  }
  raw.end();
  // It is too late to refuse, but not to count.
  if (!request.isCounted) await countAsRead(ctx, reply).catch(() => undefined);
  return reply;
}
