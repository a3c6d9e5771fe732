import type { FastifyInstance } from 'fastify';
import type { Config } from '../../ground/config.ts';
import type { Context } from '../../verbs/context.ts';

const yearSeconds = 365 * 24 * 60 * 60;

/** Allows only what this server serves itself: no inline code, no frames. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join(';');

/**
 * The headers that the `helmet` package sets, as constants: they are the same for every reply, and running helmet on each
 * request costs more than routing it. A test compares them with helmet's own.
 *
 * Cross-Origin-Resource-Policy is left out: CORS decides which other origins may read a reply.
 */
export function securityHeaders({ publicUrl }: Pick<Config, 'publicUrl'>): Record<string, string> {
  const isHttps = publicUrl?.startsWith('https:') === true;
  return {
    'content-security-policy': policy,
    'cross-origin-opener-policy': 'same-origin',
    'origin-agent-cluster': '?1',
    'referrer-policy': 'no-referrer',
    // For this host only, not for its subdomains.
    ...(isHttps ? { 'strict-transport-security': `max-age=${yearSeconds}` } : {}),
    'x-content-type-options': 'nosniff',
    'x-dns-prefetch-control': 'off',
    'x-download-options': 'noopen',
    'x-frame-options': 'SAMEORIGIN',
    'x-permitted-cross-domain-policies': 'none',
    'x-xss-protection': '0',
  };
}

/** Sets the security headers on every reply, also on errors. Forbids caching of replies to requests with a key. */
export function secure(app: FastifyInstance, { config }: Context): void {
  const headers = securityHeaders(config);
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers);
    // The reply to a registration contains a key, and no change may be cached.
    if (request.headers.authorization !== undefined || request.method !== 'GET')
      reply.header('cache-control', 'no-store');
    done();
  });
}
