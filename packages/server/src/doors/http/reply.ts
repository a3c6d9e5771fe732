import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Reply, toMarkdown } from './render.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route answers in JSON whatever `Accept` says. */
    alwaysJson?: boolean;
  }
}

/** Sends a reply in the format that the request asks for: JSON if `Accept` names it, else Markdown. */
export function sendReply(request: FastifyRequest, reply: FastifyReply, status: number, body: Reply): FastifyReply {
  const asJson = request.routeOptions.config.alwaysJson === true || wantsJson(request.headers.accept);
  return reply
    .code(status)
    .header('content-type', asJson ? 'application/json; charset=utf-8' : 'text/markdown; charset=utf-8')
    .header('vary', 'Accept')
    .send(asJson ? JSON.stringify(body) : toMarkdown(body));
}

const wantsJson = (accept: string | undefined) => accept?.toLowerCase().includes('application/json') === true;

/** The headers that repeat a part of the reply, for clients that read nothing else (contract section 1, "Headers"). */
export function replyHeaders(method: string, path: string, body: Reply): Record<string, string> {
  const headers: Record<string, string> = {};
  const isPickup = path.endsWith('/pickup');
  if (typeof body.task_id === 'string') headers['X-Task-Id'] = body.task_id;
  const isTask = typeof body.task_id === 'string' && body.report_id === undefined && body.attempts === undefined;
  if (isTask && typeof body.status === 'string') headers['X-Status'] = body.status;
  if (isPickup && typeof body.max_credits === 'number') headers['X-Budget'] = String(body.max_credits);
  if (method === 'POST' && typeof body.credits_charged === 'number') {
    headers['X-Credits-Charged'] = String(body.credits_charged);
  }
  return headers;
}
