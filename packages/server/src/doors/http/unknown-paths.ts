import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { DomainError } from '../../ground/errors.ts';
import { at } from '../../ground/present.ts';
import { hintForPath } from './likely.ts';

/** A path that no route has. */
const noRoute = '/%25';

/**
 * The address that the router gets for a request. One that cannot be decoded is replaced by an unknown path: otherwise
 * Fastify would answer it at once, without limit, headers and log line.
 */
export function evenIfBad({ url = '' }: IncomingMessage): string {
  return !url.includes('%') || isDecodable(url) ? url : noRoute;
}

function isDecodable(url: string): boolean {
  try {
    decodeURI(at(url.split(/[?#]/, 1), 0));
    return true;
  } catch {
    return false;
  }
}

/** Answers 404 to every path that has no route, before a body is read. Call it after all routes. */
export function refuseUnknownPaths(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    done(request.is404 ? unknown(request.method, request.originalUrl) : undefined);
  });
  // Runs for no request, because the hook refuses all of them.
  app.setNotFoundHandler(({ method, originalUrl }) => {
    throw unknown(method, originalUrl);
  });
}

function unknown(method: string, url: string): DomainError {
  const path = at(url.split('?', 1), 0);
  if (isDecodable(url)) {
    return new DomainError('not_found', `Not found: ${method} ${path.slice(0, 100)}`, hintForPath(method, path));
  }
  return new DomainError(
    'not_found',
    'Not found: the path has a "%" that begins no character',
    'Write "%" as %25. GET /v1/capabilities lists all calls, GET /skill.md explains them.',
  );
}
