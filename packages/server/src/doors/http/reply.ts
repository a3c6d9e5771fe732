import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DomainError } from '../../ground/errors.ts';
import { renderInPieces } from './long-texts.ts';
import { quote, type Reply, toMarkdown } from './render.ts';

/** A refusal in the protocol of its route. */
export interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly body: object;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route always answers in JSON, whatever `Accept` says. */
    alwaysJson?: boolean;
    /** Writes the refusals of a route that speaks a protocol of its own. Default: the shape of the contract. */
    writeRefusal?: (refusal: DomainError, request: FastifyRequest) => Refusal;
  }
}

/** Makes the line for people in the Markdown. */
type Line<T> = (body: T) => string;

/** Sends a reply in the requested format: JSON if `Accept` names it, else Markdown. */
export function sendReply<T extends Reply>(reply: FastifyReply, status: number, body: T, line: Line<T>): FastifyReply {
  return sendText(reply, status, encoded(isJson(reply.request) ? JSON.stringify(body) : toMarkdown(body, line)));
}

/** A text of this many UTF-16 units is encoded here. */
const longUnits = 32 * 1024;

/** Encodes a long text once. As a string, it would be read twice for its length and once more when it is written. */
const encoded = (text: string): string | Buffer => (text.length < longUnits ? text : Buffer.from(text));

/** Sends a reply that has been rendered in the requested format. */
export function sendText(reply: FastifyReply, status: number, text: string | Buffer): FastifyReply {
  return reply
    .code(status)
    .header('content-type', isJson(reply.request) ? 'application/json; charset=utf-8' : 'text/markdown; charset=utf-8')
    .header('vary', 'Accept')
    .send(text);
}

/** Renders a long reply in the requested format, piece by piece. */
export const piecesOf = <T extends Reply>(request: FastifyRequest, body: T, line: Line<T>): Iterable<string> =>
  renderInPieces(
    body,
    isJson(request)
      ? { render: JSON.stringify, quote: JSON.stringify }
      : { render: (shown) => toMarkdown(shown as T, line), quote },
  );

const isJson = ({ routeOptions, headers, url }: FastifyRequest): boolean =>
  routeOptions.config.alwaysJson === true || wantsJson(headers.accept) || isForPrograms(url);

/** Addresses that clients of other protocols probe, some of which fail on an answer that is not JSON. */
const forPrograms = /^\/(?:mcp|a2a|\.well-known|register|authorize|token)(?:[/?]|$)/;
const isForPrograms = (url: string) => forPrograms.test(url);

/**
 * Whether an `Accept` header asks for JSON: it names JSON and does not prefer Markdown (contract section 1,
 * "Responses"). Most headers have no `q`, so a text search is enough for them.
 */
function wantsJson(accept: string | undefined): boolean {
  const text = accept?.toLowerCase();
  if (text?.includes('application/json') !== true) return false;
  return (
    !text.includes(';') || qualityOf(text, 'application/json') >= Math.max(qualityOf(text, 'text/markdown'), 0.001)
  );
}

/** The weight (`q`) of a media type in a lower-case `Accept` header; 0 if it is not named. */
function qualityOf(accept: string, type: string): number {
  for (const range of accept.split(',')) {
    const [name, ...parameters] = range.split(';').map((part) => part.trim());
    if (name !== type) continue;
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
    const quality = Number(weight);
    return weight !== '' && quality >= 0 && quality <= 1 ? quality : 1;
  }
  return 0;
}
