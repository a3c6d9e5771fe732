import { METHODS } from 'node:http';
import { shownPath } from '@pinchwork/sdk/table';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import findMyWay from 'find-my-way';
import { DomainError } from '../../ground/errors.ts';
import { at, present } from '../../ground/present.ts';
import type { Context } from '../../verbs/context.ts';
import { refuser } from './broken.ts';
import { hintForMethod } from './likely.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The pattern of the path, when the path has no route for the method. */
    otherRoute: string | undefined;
  }
}

/** As long as the headers may be, so that an overlong id gets 404 after the key has been checked. */
export const maxParamLength = 16 * 1024;

/** Registers all methods of Node with the router, so that a wrong method gets 405 and not 404. */
export function knowAllMethods(app: FastifyInstance, ctx: Context): void {
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method, { hasBody: true });
  }
  // CONNECT has a host instead of a path. Without a listener Node closes the connection without a reply.
  const refuse = refuser(ctx);
  app.server.on('connect', (_request, socket) =>
    refuse(socket, new DomainError('invalid_request', 'CONNECT is not supported')),
  );
}

type Paths = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Answers 405 with `Allow` for every method that a path has no route for. Call it after all routes.
 *
 * The paths are in a second router, which is built for the first request without a route. A route for each of Node's
 * methods on each path would take most of the time that it takes to build the server.
 *
 * @param allowed the methods of each path.
 */
export function refuseOtherMethods(app: FastifyInstance, allowed: Paths): void {
  let router: ReturnType<typeof routerOf> | undefined;
  const allows = new Map([...allowed].map(([url, methods]) => [url, [...methods].sort().join(', ')] as const));
  const refuse = (request: FastifyRequest, reply: FastifyReply, pattern: string): DomainError => {
    const { method, url } = request;
    const allow = present(allows.get(pattern), 'The methods of a path');
    request.otherRoute = pattern;
    reply.header('allow', allow);
    const hint =
      hintForMethod(method, at(url.split('?', 1), 0)) ?? `Send ${at(allow.split(', '), -1)} ${shownPath(pattern)}.`;
    return new DomainError('method_not_allowed', `${method} is not allowed here; use ${allow}`, hint);
  };
  app.decorateRequest('otherRoute');
  // A hook, and not a handler, because the body is not to be read: it may cause another error.
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) {
      done();
      return;
    }
    router ??= routerOf(allowed);
    const pattern = router(request.url);
    done(pattern === undefined ? undefined : refuse(request, reply, pattern));
  });
  for (const [url, method] of [...coveredByOthers(allowed)]) {
    app.route({
      method,
      url,
      onRequest: (request, reply, done) => done(refuse(request, reply, url)),
      handler: async () => undefined,
    });
  }
}

/** Finds the pattern of a path. */
function routerOf(allowed: Paths): (url: string) => string | undefined {
  const router = findMyWay({ maxParamLength });
  for (const pattern of allowed.keys()) router.on('GET', pattern, () => undefined, pattern);
  // The pattern, as registered.
  return (url) => router.find('GET', url)?.store as string | undefined;
}

/** Paths, each with the methods that it lacks itself but would have as a value of another path's parameter. */
function* coveredByOthers(allowed: Paths): Generator<[url: string, methods: string[]]> {
  const others = [...allowed].map(([url, methods]) => ({
    methods: [...methods],
    pattern: new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+')}$`),
  }));
  for (const [url, own] of allowed) {
    if (url.includes(':')) continue;
    const covered = others.filter(({ pattern }) => pattern.test(url)).flatMap(({ methods }) => methods);
    const lacking = [...new Set(covered)].filter((method) => !own.has(method));
    if (lacking.length > 0) yield [url, lacking];
  }
}

/** The pattern of a request's path. Undefined for an unknown path. */
export const routeOf = ({ routeOptions, otherRoute }: FastifyRequest): string | undefined =>
  routeOptions.url ?? otherRoute;
