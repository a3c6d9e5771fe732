import { METHODS } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { DomainError } from '../../ground/errors.ts';
import { at } from '../../ground/present.ts';
import { endWithError } from './errors.ts';
import { hintForMethod } from './likely.ts';

/** Registers all methods of Node with the router, so that a wrong method gets 405 and not 404. */
export function knowAllMethods(app: FastifyInstance): void {
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method, { hasBody: true });
  }
  // CONNECT has a host instead of a path. Without a listener Node closes the connection without a reply.
  app.server.on('connect', (_request, socket) => endWithError(socket, 'invalid_request', 'CONNECT is not supported'));
}

/** Answers 405 with `Allow` for every method that a path has no route for. Call it after all routes. */
export function refuseOtherMethods(app: FastifyInstance, allowed: ReadonlyMap<string, ReadonlySet<string>>): void {
  for (const [url, methods] of allowed) {
    const allow = [...methods].sort().join(', ');
    app.route({
      method: app.supportedMethods.filter((method) => !methods.has(method)),
      url,
      // Runs before the body is read, because the body may cause another error.
      onRequest: async (request, reply) => {
        reply.header('allow', allow);
        const { method, url: asked } = request;
        const hint = hintForMethod(method, at(asked.split('?', 1), 0));
        throw new DomainError('method_not_allowed', `${method} is not allowed here; use ${allow}`, hint);
      },
      handler: async () => undefined,
    });
  }
}
