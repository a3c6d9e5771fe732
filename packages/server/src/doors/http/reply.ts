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

const wantsJson = (accept: string | undefined) => accept?.toLowerCase().includes('application/json') === true;
