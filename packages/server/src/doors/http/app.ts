import { randomUUID } from 'node:crypto';
import { limits } from '@pinchwork/sdk';
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { secondMs } from '../../ground/clock.ts';
import type { Context } from '../../verbs/context.ts';
import { DomainError, invalid } from '../../ground/errors.ts';
import { serveEndpoints } from './endpoint.ts';
import { answerClientError, sendError } from './errors.ts';
import { boundIntake } from './intake.ts';
import { logRequests } from './access-log.ts';
import { knowAddresses } from './client-address.ts';
import { allowOrigins } from './cors.ts';
import { secure } from './security.ts';
import { knowAllMethods, refuseOtherMethods } from './methods.ts';
import { boundOutput } from './output.ts';
import { limitAddresses } from './rate-limits.ts';
import { documentRoutes } from './routes/documents.ts';
import { pageRoutes } from './routes/pages.ts';
import { referenceRoutes } from './routes/reference.ts';

/** A request must have arrived whole within this time. */
const requestTimeoutMs = 30 * secondMs;

const quieter = (level: string) => (level === 'info' ? 'warn' : level);

/** Builds the HTTP server, without listening. */
export function buildApp(ctx: Context): FastifyInstance {
  // Fastify's own talk ("Server listening …") is of no use to an operator; what fails is logged as an error.
  const loggerInstance: FastifyBaseLogger = ctx.log.child({}, { level: quieter(ctx.log.level) });
  const app = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    // A logger for each request costs up to 8 % of its time; what is logged names the request.
    childLoggerFactory: (logger) => logger,
    genReqId: () => randomUUID(),
    bodyLimit: limits.bodyBytes,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: ctx.config.keepAliveSeconds * secondMs,
    http: {
      headersTimeout: requestTimeoutMs / 2,
      connectionsCheckingInterval: 2 * secondMs,
      // Node would answer a request without Host by itself, with an empty 400; see below.
      requireHostHeader: false,
    },
    // As long as headers may be: an id of any length is just not found, behind the key.
    routerOptions: { maxParamLength: 16 * 1024 },
    trustProxy: ctx.config.trustProxy.length > 0 ? [...ctx.config.trustProxy] : false,
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) =>
      void sendError(error, request, reply.header('x-request-id', request.id)),
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
    const lacksHost = request.raw.httpVersion === '1.1' && request.headers.host === undefined;
    done(lacksHost ? invalid('The Host header is missing') : undefined);
  });
  logRequests(app, ctx);
  secure(app, ctx);
  allowOrigins(app, ctx);
  limitAddresses(app, ctx);
  // A server that stops lets no connection live on for a next request.
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (ctx.watch.closed) reply.header('connection', 'close');
    done();
  });
  app.setErrorHandler(sendError);
  app.setNotFoundHandler(async (request) => {
    throw new DomainError('not_found', `Not found: ${request.method} ${request.url.split('?', 1)[0]!.slice(0, 100)}`);
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  knowAllMethods(app);
  boundIntake(app);
  boundOutput(app);

  serveEndpoints(app, ctx);
  referenceRoutes(app, ctx);
  documentRoutes(app, ctx);
  pageRoutes(app, ctx);
  refuseOtherMethods(app, new Map(allowed));
  return app;
}
