import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './doors/http/app.ts';
import { secondMs } from './ground/clock.ts';
import type { Config } from './ground/config.ts';
import { compose, type Core } from './compose.ts';
import type { MetricsServer } from './metrics/metrics.ts';
import { codeOf, messageOf } from './ground/unknown-error.ts';

/** How long running requests may take after the server is told to stop. Then their connections are cut. */
const drainMs = 6 * secondMs;

/**
 * How many new connections may wait to be accepted; the system may allow fewer. With Node's 511, a flood of connections
 * makes others wait for a second, until they try again.
 */
const backlog = 4_096;

export interface Server {
  readonly core: Core;
  /** The URL for a client on this machine. */
  readonly url: string;
  /** The port of the metrics on the loopback address. Undefined: no metrics. */
  readonly metricsPort: number | undefined;
  /** Accepts no new requests, answers the running ones and closes everything, within 10 s. */
  stop(): Promise<void>;
}

/**
 * Opens the database, listens and starts the jobs.
 *
 * @throws Error with a message for people.
 */
export async function startServer(config: Config): Promise<Server> {
  const core = await compose(config);
  const app = buildApp(core);
  let metrics: MetricsServer | undefined;
  try {
    metrics = await startMetricsIfAsked(core, app);
    await app.listen({ host: config.host, port: config.port, backlog }).catch((error: unknown) => {
      throw new Error(listenProblem(config, error), { cause: error });
    });
  } catch (error) {
    await app.close();
    await closeBehind(core, metrics);
    throw error;
  }
  for (const job of core.jobs) job.start();
  return { core, url: urlOf(app, config.host), metricsPort: metrics?.port, stop: () => stop(app, core, metrics) };
}

/** Loads the metrics library only when metrics are enabled. */
async function startMetricsIfAsked(core: Core, app: FastifyInstance): Promise<MetricsServer | undefined> {
  const { metricsPort } = core.config;
  if (metricsPort === undefined) return undefined;
  const { startMetrics } = await import('./metrics/metrics.ts');
  return startMetrics(core, app, metricsPort);
}

function listenProblem({ host, port }: Config, error: unknown): string {
  if (codeOf(error) === 'EADDRINUSE') return `Port ${port} on ${host} is in use. Set PINCHWORK_PORT to another one.`;
  return `Can't listen on ${host} port ${port} (PINCHWORK_HOST, PINCHWORK_PORT): ${messageOf(error)}`;
}

function urlOf(app: FastifyInstance, host: string): string {
  // A server that listens on a port has such an address.
  const { port } = app.server.address() as AddressInfo;
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}

async function stop(app: FastifyInstance, core: Core, metrics: MetricsServer | undefined): Promise<void> {
  core.watch.close();
  core.streams.close();
  core.feed.close();
  const cut = setTimeout(() => app.server.closeAllConnections(), drainMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
    core.log.info('every request has ended');
    await closeBehind(core, metrics);
  }
}

/** Stops both at once, because an audit for the metrics may take minutes, and ends only when its database is closed. */
async function closeBehind(core: Core, metrics: MetricsServer | undefined): Promise<void> {
  await Promise.all([metrics?.stop(), core.dispose()]);
}
