import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { minuteMs, secondMs } from '../ground/clock.ts';
import type { Core } from '../compose.ts';
import { Loop } from '../ground/loop.ts';
import { outcomes } from '../rules/webhooks/deliverer.ts';
import { countWaitingRows } from '../rules/events/outbox.ts';
import { countWaiting, nextReadyAt } from '../rules/webhooks/queries.ts';

/** How often the books are checked, for the audit's own metrics. */
const auditEveryMs = 15 * minuteMs;

export interface MetricsServer {
  readonly port: number;
  /** Serves nothing more at once. An audit under way is waited for: it ends with the database, if not before. */
  stop(): Promise<void>;
}

/**
 * Serves Prometheus metrics on the loopback address, on a port of their own, and begins to collect them. Loaded by a
 * server that has `PINCHWORK_METRICS_PORT` set; any other pays nothing.
 *
 * @throws Error with a sentence for people when the port can't be had.
 */
export async function startMetrics(core: Core, app: FastifyInstance, port: number): Promise<MetricsServer> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  countRequests(registry, app);
  watchLog(registry, core);
  watchStorage(registry, core);
  watchTimers(registry, core);
  watchOutbox(registry, core);
  watchWebhooks(registry, core);
  const stopping = new AbortController();
  const audits = watchBooks(registry, core, stopping.signal);
  const server = createServer((request, response) => {
    if (request.url !== '/metrics' || request.method !== 'GET') {
      response.writeHead(404).end();
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: Error) => {
      reject(
        new Error(`Can't serve metrics on port ${port} (PINCHWORK_METRICS_PORT): ${error.message}`, { cause: error }),
      );
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  audits.start();
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      stopping.abort();
      const stopped = audits.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await stopped;
    },
  };
}

/** Routes as they are written in the code, never paths as they come: those have no end. */
function countRequests(registry: Registry, app: FastifyInstance): void {
  const requests = new Counter({
    name: 'pinchwork_http_requests_total',
    help: 'Requests answered.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'pinchwork_http_request_duration_seconds',
    help: 'From the arrival of a request to the end of its reply.',
    labelNames: ['method', 'route'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  app.addHook('onResponse', ({ method, routeOptions }, reply, done) => {
    const route = routeOptions.url ?? 'unknown';
    // Any word may stand for a method where no route is.
    const verb = routeOptions.url === undefined ? 'any' : method;
    requests.inc({ method: verb, route, status: reply.statusCode });
    duration.observe({ method: verb, route }, reply.elapsedTime / secondMs);
    done();
  });
}

function watchLog(registry: Registry, { logOutput }: Core): void {
  new Counter({
    name: 'pinchwork_log_lines_dropped_total',
    help: 'Lines of the log that were dropped because its output took none.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(logOutput.dropped());
    },
  });
}

function watchStorage(registry: Registry, { db, watch, streams }: Core): void {
  const batches = new Histogram({
    name: 'pinchwork_commit_batch_size',
    help: 'Changes per commit: those of one turn of the loop on SQLite, always one on PostgreSQL.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers: [registry],
  });
  db.observeCommits((changes) => batches.observe(changes));
  new Gauge({
    name: 'pinchwork_write_queue_length',
    help: 'Changes that wait for the writer (SQLite), or for a connection (PostgreSQL).',
    registers: [registry],
    collect() {
      this.set(db.waiting);
    },
  });
  new Gauge({
    name: 'pinchwork_open_streams',
    help: 'Requests that wait for something to happen: long polls, event streams.',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      this.set({ kind: 'long_poll' }, watch.count);
      this.set({ kind: 'events' }, streams.count);
    },
  });
}

function watchTimers(registry: Registry, { timers }: Core): void {
  const lateness = new Histogram({
    name: 'pinchwork_timer_lateness_seconds',
    help: 'From the time that something was due to when it was done.',
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600],
    registers: [registry],
  });
  timers.observe((ms) => lateness.observe(ms / secondMs));
}

/** A longer queue is told as this long: counting takes time. */
const countedDeliveries = 10_000;
const countedRows = 10_000;

function watchOutbox(registry: Registry, { db }: Core): void {
  new Gauge({
    name: 'pinchwork_outbox_waiting',
    help: `Events whose chosen agents have not all been told, on all servers; ${countedRows}: that many or more.`,
    registers: [registry],
    async collect() {
      this.set(await unlessAway(async () => (await db.first(countWaitingRows, { limit: countedRows }))!.total));
    },
  });
}

function watchWebhooks(registry: Registry, { db, clock, webhooks }: Core): void {
  const attempts = new Counter({
    name: 'pinchwork_webhook_attempts_total',
    help: 'Attempts to deliver a webhook of this server: delivered, failed and to be tried again, or dead.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of outcomes) attempts.inc({ outcome }, 0);
  webhooks.observe((outcome) => attempts.inc({ outcome }));
  new Gauge({
    name: 'pinchwork_webhook_queue_length',
    help: `Deliveries that wait, on all servers; ${countedDeliveries}: that many or more.`,
    registers: [registry],
    async collect() {
      this.set(await unlessAway(async () => (await db.first(countWaiting, { limit: countedDeliveries }))!.total));
    },
  });
  new Gauge({
    name: 'pinchwork_webhook_oldest_waiting_seconds',
    help: 'For how long the endpoint has been due that has waited longest for its turn.',
    registers: [registry],
    async collect() {
      const waitingMs = async () => {
        const next = await Promise.all([0, 1].map((failing) => db.first(nextReadyAt, { failing })));
        return Math.max(0, clock.now() - Math.min(...next.map((row) => row?.ready_at ?? Infinity)));
      };
      this.set((await unlessAway(waitingMs)) / secondMs);
    },
  });
}

/** A figure of the database's; not a number while that is away, which is when all the others are needed most. */
const unlessAway = (read: () => Promise<number>) => read().catch(() => NaN);

function watchBooks(registry: Registry, core: Core, stopping: AbortSignal): Loop {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const ok = gauge('pinchwork_audit_ok', '1: the last audit found nothing broken and nothing overdue.');
  const broken = gauge('pinchwork_audit_broken', 'How much it found, a hundred at most.');
  const at = gauge('pinchwork_audit_timestamp_seconds', 'When it ran.');
  const duration = gauge('pinchwork_audit_duration_seconds', 'How long it took.');
  const run = async () => {
    const report = await core.audit();
    ok.set(report.ok ? 1 : 0);
    broken.set(report.broken.length);
    at.set(Math.round(core.clock.now() / secondMs));
    duration.set(report.duration_ms / secondMs);
    return auditEveryMs;
  };
  const onError = (error: unknown) => {
    // That the end of the program breaks it off is nothing to be told.
    if (!stopping.aborted) core.log.error(error, 'the audit for the metrics failed');
  };
  return new Loop(core.clock, run, onError, minuteMs);
}
