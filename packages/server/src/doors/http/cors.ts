import { endpointRows, methods, replyHeaders, requestHeaders } from '@pinchwork/sdk/table';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../../verbs/context.ts';

const allowedMethods = methods.filter((each) => endpointRows.some(({ method }) => method === each)).join(', ');
/** What the other protocols send: MCP and A2A. */
const protocolHeaders = ['Mcp-Protocol-Version', 'Mcp-Method', 'Mcp-Name', 'A2A-Version', 'A2A-Extensions'];
const allowedHeaders = [
  ...['Authorization', 'Content-Type', 'Accept'],
  ...Object.keys(requestHeaders),
  ...protocolHeaders,
].join(', ');
const exposedHeaders = Object.keys(replyHeaders).join(', ');
/** How long a browser may cache the result of a preflight request. */
const preflightSeconds = 600;

/**
 * Lets web pages of the configured origins call the API (the Fetch standard, "HTTP CORS protocol"). Without origins it
 * sends no headers, and browsers refuse. It runs before all checks that may refuse a request, so that a page can read a
 * 401 and a 429.
 */
export function allowOrigins(app: FastifyInstance, { config: { corsOrigins } }: Context): void {
  if (corsOrigins.length === 0) return;
  const anybody = corsOrigins.includes('*');
  if (!anybody) {
    app.addHook('onSend', (_request, reply, _payload, done) => {
      reply.header('vary', [reply.getHeader('vary'), 'Origin'].filter((name) => name !== undefined).join(', '));
      done();
    });
  }
  app.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers;
    if (origin === undefined || !(anybody || corsOrigins.includes(origin.toLowerCase()))) {
      done();
      return;
    }
    reply.header('access-control-allow-origin', anybody ? '*' : origin);
    reply.header('access-control-expose-headers', exposedHeaders);
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) {
      done();
      return;
    }
    void reply
      .code(204)
      .headers({
        'access-control-allow-methods': allowedMethods,
        'access-control-allow-headers': allowedHeaders,
        'access-control-max-age': preflightSeconds,
      })
      .send();
  });
}
