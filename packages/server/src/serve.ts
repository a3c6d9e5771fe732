import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './doors/http/app.ts';
import { secondMs } from './ground/clock.ts';
import type { Config } from './ground/config.ts';
import { type Context, createContext } from './context.ts';
import type { MetricsServer } from './metrics/metrics.ts';

/** Requests may take so long to end once the server is told to stop; then their connections are cut. */
const drainMs = 6 * secondMs;

export interface Server {
  readonly ctx: Context;
  /** Where it listens, for a client on this machine. */
  readonly url: string;
  /** Where it serves its metrics, on the loopback address; undefined: nowhere. */
  readonly metricsPort: number | undefined;
  /** Accepts nothing new, answers what is under way, closes everything, within 10 s. */
  stop(): Promise<void>;
}

/**
 * Opens the data, listens and starts the timers.
 *
 * @throws Error with a sentence for people.
 */
export async function startServer(config: Config): Promise<Server> {
  const ctx = await createContext(config);
  const app = buildApp(ctx);
  let metrics: MetricsServer | undefined;
  try {
    metrics = await startMetricsIfAsked(ctx, app);
    await app.listen({ host: config.host, port: config.port }).catch((error: unknown) => {
      throw new Error(listenProblem(config, error as NodeJS.ErrnoException), { cause: error });
    });
  } catch (error) {
    await app.close();
    await closeBehind(ctx, metrics);
    throw error;
  }
  ctx.timers.start();
  ctx.outbox.start();
  ctx.housekeeping.start();
  ctx.suspensions.start();
  ctx.tail.start();
  ctx.search.start();
  ctx.limits.start();
  ctx.webhooks.start();
  return { ctx, url: urlOf(app, config.host), metricsPort: metrics?.port, stop: () => stop(app, ctx, metrics) };
}

/** The library is loaded only by who wants metrics. */
async function startMetricsIfAsked(ctx: Context, app: FastifyInstance): Promise<MetricsServer | undefined> {
  const { metricsPort } = ctx.config;
  if (metricsPort === undefined) return undefined;
  const { startMetrics } = await import('./metrics/metrics.ts');
  return startMetrics(ctx, app, metricsPort);
}

function listenProblem({ host, port }: Config, error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return `Port ${port} on ${host} is in use. Set PINCHWORK_PORT to another one.`;
  return `Can't listen on ${host} port ${port} (PINCHWORK_HOST, PINCHWORK_PORT): ${error.message}`;
}

function urlOf(app: FastifyInstance, host: string): string {
  const { port } = app.server.address() as AddressInfo;
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}

async function stop(app: FastifyInstance, ctx: Context, metrics: MetricsServer | undefined): Promise<void> {
  ctx.watch.close();
  ctx.streams.close();
  const cut = setTimeout(() => app.server.closeAllConnections(), drainMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
    ctx.log.info('every request has ended');
    await closeBehind(ctx, metrics);
  }
}

/** Together, because an audit for the metrics may take minutes, and ends at once when its database is closed. */
async function closeBehind(ctx: Context, metrics: MetricsServer | undefined): Promise<void> {
  await Promise.all([metrics?.stop(), ctx.dispose()]);
}
