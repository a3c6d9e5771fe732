import { randomUUID } from 'node:crypto';
import type { Catalog } from '@pinchwork/sdk/mcp';
import { limits } from '@pinchwork/sdk/table';
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { secondMs } from '../../ground/clock.ts';
import type { Context } from '../../verbs/context.ts';
import { invalid } from '../../ground/errors.ts';
import { serveA2a } from './a2a.ts';
import { serveEndpoints } from './endpoint.ts';
import { refuseBroken } from './broken.ts';
import { answerErrors } from './errors.ts';
import { boundIntake } from './intake.ts';
import { endWithClient, logRequests } from './access-log.ts';
import { knowAddresses } from './client-address.ts';
import { allowOrigins } from './cors.ts';
import { serveMcp } from './mcp.ts';
import { secure } from './security.ts';
import { knowAllMethods, maxParamLength, refuseOtherMethods } from './methods.ts';
import { boundSockets } from './sockets.ts';
import { evenIfBad, refuseUnknownPaths } from './unknown-paths.ts';
import { boundOutput } from './output.ts';
import { limitAddresses } from './rate-limits.ts';
import { agentCardRoutes } from './documents/agent-card.ts';
import { documentRoutes } from './documents/documents.ts';
import { clientRoutes } from './documents/client.ts';
import { guideRoutes } from './documents/guide.ts';
import { referenceRoutes } from './documents/reference.ts';
import { pageRoutes } from './pages/routes.ts';
import { Pages } from './pages/site.ts';

/** A request must arrive completely within this time. */
const requestTimeoutMs = 30 * secondMs;

const quieter = (level: string) => (level === 'info' ? 'warn' : level);

/**
 * Builds the HTTP server. Does not listen.
 *
 * @param catalog what `/mcp` offers. Default: the market; kits that test the protocol bring their own.
 */
export function buildApp(ctx: Context, catalog?: Catalog): FastifyInstance {
  // Fastify's own messages ("Server listening …") do not help an operator. Failures are logged as errors.
  const loggerInstance: FastifyBaseLogger = ctx.log.child({}, { level: quieter(ctx.log.level) });
  const app = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    // A logger per request costs up to 8 % of its time. Log lines name the request themselves.
    childLoggerFactory: (logger) => logger,
    genReqId: () => randomUUID(),
    bodyLimit: limits.bodyBytes,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: ctx.config.keepAliveSeconds * secondMs,
    http: {
      headersTimeout: requestTimeoutMs / 2,
      connectionsCheckingInterval: 2 * secondMs,
      // Otherwise Node would answer a request without Host with an empty 400. The hook below handles it.
      requireHostHeader: false,
    },
    routerOptions: { maxParamLength },
    trustProxy: ctx.config.trustProxy.length > 0 ? [...ctx.config.trustProxy] : false,
    return503OnClosing: false,
    rewriteUrl: evenIfBad,
    clientErrorHandler: refuseBroken(ctx),
  });

  const allowed = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = allowed.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each);
    allowed.set(url, methods);
  });
  knowAddresses(app, ctx);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    endWithClient(reply);
    const lacksHost = request.raw.httpVersion === '1.1' && request.headers.host === undefined;
    done(lacksHost ? invalid('The Host header is missing') : undefined);
  });
  logRequests(app, ctx);
  secure(app, ctx);
  allowOrigins(app, ctx);
  limitAddresses(app, ctx);
  // A stopping server closes each connection after its reply.
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (ctx.watch.closed) reply.header('connection', 'close');
    done();
  });
  const pages = new Pages(ctx);
  const pace = answerErrors(app, pages);
  knowAllMethods(app, ctx);
  boundSockets(app, ctx);
  boundIntake(app, ctx);
  const turns = boundOutput(app, { ...ctx, noteRead: (agentId, bytes) => ctx.limits.noteRead(agentId, bytes) });

  serveEndpoints(app, ctx, turns);
  serveMcp(app, ctx, { pace, turns, catalog });
  serveA2a(app, ctx, turns);
  referenceRoutes(app, ctx);
  guideRoutes(app, ctx);
  clientRoutes(app, ctx);
  documentRoutes(app, ctx, pages);
  agentCardRoutes(app, ctx);
  pageRoutes(app, ctx, pages);
  refuseOtherMethods(app, new Map(allowed));
  refuseUnknownPaths(app);
  return app;
}
