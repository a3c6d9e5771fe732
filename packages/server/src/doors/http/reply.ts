import type { FastifyReply } from 'fastify';
import { type Reply, toMarkdown } from './render.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route answers in JSON whatever `Accept` says. */
    alwaysJson?: boolean;
  }
}

/**
 * Sends a reply in the format that the request asks for: JSON if `Accept` names it, else Markdown.
 *
 * @param line says the reply to people, in one line of the Markdown.
 */
export function sendReply<T extends Reply>(
  reply: FastifyReply,
  status: number,
  body: T,
  line: (body: T) => string,
): FastifyReply {
  const { routeOptions, headers } = reply.request;
  const asJson = routeOptions.config.alwaysJson === true || wantsJson(headers.accept);
  return reply
    .code(status)
    .header('content-type', asJson ? 'application/json; charset=utf-8' : 'text/markdown; charset=utf-8')
    .header('vary', 'Accept')
    .send(asJson ? JSON.stringify(body) : toMarkdown(body, line));
}

/**
 * Whether an `Accept` header asks for JSON: it names it, and prefers no Markdown (contract section 1, "Responses").
 * Most headers have no `q`, and need no more than a look.
 */
export function wantsJson(accept: string | undefined): boolean {
  const text = accept?.toLowerCase();
  if (text?.includes('application/json') !== true) return false;
  return (
    !text.includes(';') || qualityOf(text, 'application/json') >= Math.max(qualityOf(text, 'text/markdown'), 0.001)
  );
}

/** The weight of a media type in an `Accept` header in lower case; 0 if it is not named there. */
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
