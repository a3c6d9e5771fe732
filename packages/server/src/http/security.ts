import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import helmet, { type HelmetOptions } from 'helmet';
import type { Context } from '../context.ts';

const yearSeconds = 365 * 24 * 60 * 60;

/** Only what this server itself serves, no inline code, no frames. */
const directives = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  fontSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

/**
 * The headers that helmet sets, as constants: they are the same for every reply, and running its fifteen functions on each
 * would cost more than the routing does.
 */
function helmetHeaders(options: HelmetOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  const reply = {
    setHeader: (name: string, value: string) => (headers[name.toLowerCase()] = value),
    removeHeader: () => undefined,
  };
  const request: unknown = {};
  helmet(options)(request as IncomingMessage, reply as unknown as ServerResponse, () => undefined);
  return headers;
}

/** Sets the security headers on every reply, errors too, and lets no cache keep what was asked for with a key. */
export function secure(app: FastifyInstance, { config }: Context): void {
  const isHttps = config.publicUrl?.startsWith('https:') === true;
  const headers = helmetHeaders({
    contentSecurityPolicy: { useDefaults: false, directives },
    // For this host alone: what else runs under its domain is not ours to speak for.
    strictTransportSecurity: isHttps ? { maxAge: yearSeconds, includeSubDomains: false } : false,
    // Others may load what they may read at all: CORS decides that.
    crossOriginResourcePolicy: false,
  });
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers);
    // The answer to a registration holds a key, and no other change is for a cache either.
    if (request.headers.authorization !== undefined || request.method !== 'GET')
      reply.header('cache-control', 'no-store');
    done();
  });
}
