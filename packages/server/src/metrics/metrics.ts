import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { minuteMs, secondMs } from '../ground/clock.ts';
import type { Core } from '../compose.ts';
import { Loop } from '../ground/loop.ts';
import { routeOf } from '../doors/http/methods.ts';
import { outcomes } from '../rules/webhooks/deliverer.ts';
import { countWaitingDisputes } from '../rules/operator/dispute-queries.ts';
import { countReports } from '../rules/operator/queries.ts';
import { countWaitingRows } from '../rules/events/outbox.ts';
import type { Share } from '../rules/limits/share.ts';
import { nextReadyAt } from '../rules/webhooks/leases.ts';
import { countWaiting } from '../rules/webhooks/queries.ts';
import { countHeld } from '../rules/webhooks/receivers.ts';

/** What the metrics read of a server. */
type Measured = Pick<
  Core,
  'auditPass' | 'clock' | 'db' | 'log' | 'logOutput' | 'pushes' | 'shares' | 'streams' | 'timers' | 'watch' | 'webhooks'
>;

/** How often the audit runs for its metrics. */
const auditEveryMs = 15 * minuteMs;

export interface MetricsServer {
  readonly port: number;
  /** Stops serving at once and waits for a running audit, which ends when the database is closed, if not before. */
  stop(): Promise<void>;
}

/**
 * Serves Prometheus metrics on the loopback address, on a separate port, and starts to collect them. Loaded only by a
 * server with `PINCHWORK_METRICS_PORT` set, so that others have no cost.
 *
 * @throws Error with a message for people, when the port is not available.
 */
export async function startMetrics(core: Measured, app: FastifyInstance, port: number): Promise<MetricsServer> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  countRequests(registry, app);
  watchLog(registry, core);
  watchStorage(registry, core);
  watchTimers(registry, core);
  watchOutbox(registry, core);
  watchReports(registry, core);
  watchDisputes(registry, core);
  watchWebhooks(registry, core);
  watchShares(registry, core);
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
    // A server that listens on a port has such an address.
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

/** Counts by route pattern, never by request path, because the number of paths is unbounded. */
function countRequests(registry: Registry, app: FastifyInstance): void {
  const requests = new Counter({
    name: 'pinchwork_http_requests_total',
    help: 'Requests answered.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'pinchwork_http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its reply.',
    labelNames: ['method', 'route'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  app.addHook('onResponse', (request, reply, done) => {
    const known = routeOf(request);
    const route = known ?? 'unknown';
    // A request without a route may have any text as its method.
    const verb = known === undefined ? 'any' : request.method;
    requests.inc({ method: verb, route, status: reply.statusCode });
    duration.observe({ method: verb, route }, reply.elapsedTime / secondMs);
    done();
  });
}

function watchLog(registry: Registry, { logOutput }: Pick<Core, 'logOutput'>): void {
  new Counter({
    name: 'pinchwork_log_lines_dropped_total',
    help: 'Log lines that were dropped because the output did not accept them.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(logOutput.dropped());
    },
  });
}

function watchStorage(registry: Registry, { db, watch, streams }: Pick<Core, 'db' | 'watch' | 'streams'>): void {
  const batches = new Histogram({
    name: 'pinchwork_commit_batch_size',
    help: 'Changes per commit: on SQLite those of one turn of the event loop, on PostgreSQL always one.',
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
    help: 'Open requests that wait for events: long polls and event streams.',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      this.set({ kind: 'long_poll' }, watch.count);
      this.set({ kind: 'events' }, streams.count);
    },
  });
}

/** What is shown of each share. */
const shareFigures: readonly [name: string, help: string, read: (share: Share) => number][] = [
  ['pinchwork_share_used', 'How much of a shared resource is taken.', ({ used }) => used],
  ['pinchwork_share_limit', 'How much of a shared resource there is.', ({ most }) => most],
  ['pinchwork_share_largest', 'How much of it one agent or address has at most.', ({ largest }) => largest],
  ['pinchwork_share_waiting', 'Requests that wait for a part of it.', ({ waiting }) => waiting],
  ['pinchwork_share_refused_total', 'Requests for a part of it that were refused.', ({ refused }) => refused],
  ['pinchwork_share_cut_total', 'Parts that were taken from the largest holder.', ({ cut }) => cut],
];

function watchShares(registry: Registry, { shares }: Pick<Core, 'shares'>): void {
  for (const [name, help, read] of shareFigures) {
    const Kind = name.endsWith('_total') ? Counter : Gauge;
    new Kind({
      name,
      help,
      labelNames: ['share'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [share, each] of Object.entries(shares)) this.inc({ share }, read(each));
      },
    });
  }
}

function watchTimers(registry: Registry, { timers }: Pick<Core, 'timers'>): void {
  const lateness = new Histogram({
    name: 'pinchwork_timer_lateness_seconds',
    help: 'Time from when a transition was due to when it was made.',
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600],
    registers: [registry],
  });
  timers.observe((ms) => lateness.observe(ms / secondMs));
}

/** Queues are counted up to this length, because counting takes time. */
const countedDeliveries = 10_000;
const countedRows = 10_000;
const countedReceivers = 10_000;

function watchOutbox(registry: Registry, { db }: Pick<Core, 'db'>): void {
  new Gauge({
    name: 'pinchwork_outbox_waiting',
    help: `Events that have not been told to all matched agents, on all servers; ${countedRows} means that many or more.`,
    registers: [registry],
    async collect() {
      this.set(await unlessAway(async () => (await db.one(countWaitingRows, { limit: countedRows })).total));
    },
  });
}

function watchReports(registry: Registry, { db }: Pick<Core, 'db'>): void {
  new Gauge({
    name: 'pinchwork_reports_open',
    help: `Reports that the operator has not decided; ${countedRows} means that many or more.`,
    registers: [registry],
    async collect() {
      this.set(await unlessAway(async () => (await db.one(countReports('open'), { limit: countedRows })).total));
    },
  });
}

function watchDisputes(registry: Registry, { db }: Pick<Core, 'db'>): void {
  new Gauge({
    name: 'pinchwork_disputes_waiting',
    help: `Open disputes that wait for the operator's ruling; ${countedRows} means that many or more.`,
    registers: [registry],
    async collect() {
      this.set(await unlessAway(async () => (await db.one(countWaitingDisputes, { limit: countedRows })).total));
    },
  });
}

function watchWebhooks(
  registry: Registry,
  { db, clock, pushes, webhooks }: Pick<Core, 'db' | 'clock' | 'pushes' | 'webhooks'>,
): void {
  const attempts = new Counter({
    name: 'pinchwork_webhook_attempts_total',
    help: 'Webhook delivery attempts by this server, by outcome: delivered, failed (will be retried), or dead.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of outcomes) attempts.inc({ outcome }, 0);
  for (const each of [webhooks, pushes]) each.observe((outcome) => attempts.inc({ outcome }));
  new Gauge({
    name: 'pinchwork_webhook_queue_length',
    help: `Waiting webhook deliveries, on all servers; ${countedDeliveries} means that many or more.`,
    registers: [registry],
    async collect() {
      this.set(await unlessAway(async () => (await db.one(countWaiting, { limit: countedDeliveries })).total));
    },
  });
  new Gauge({
    name: 'pinchwork_webhook_receivers_held',
    help: `Webhook receivers that get nothing but tests, on all servers; ${countedReceivers} means that many or more.`,
    labelNames: ['status'],
    registers: [registry],
    async collect() {
      for (const status of ['unconfirmed', 'paused'] as const) {
        const held = async () => (await db.one(countHeld(status), { limit: countedReceivers })).total;
        this.set({ status }, await unlessAway(held));
      }
    },
  });
  new Gauge({
    name: 'pinchwork_webhook_oldest_waiting_seconds',
    help: 'How long the webhook receiver that has waited longest could have been served.',
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

/**
 * A figure from the database, or NaN while the database is unavailable. The other metrics must still be served then.
 */
const unlessAway = (read: () => Promise<number>) => read().catch(() => NaN);

function watchBooks(
  registry: Registry,
  { auditPass, clock, log }: Pick<Core, 'auditPass' | 'clock' | 'log'>,
  stopping: AbortSignal,
): Loop {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const ok = gauge('pinchwork_audit_ok', '1 if the last audit found no violation and nothing overdue, else 0.');
  const broken = gauge('pinchwork_audit_broken', 'Violations found by the last audit, at most 100.');
  const at = gauge('pinchwork_audit_timestamp_seconds', 'When the last audit ended.');
  const duration = gauge('pinchwork_audit_duration_seconds', 'How long the last audit took.');
  const run = async () => {
    const report = await auditPass();
    ok.set(report.ok ? 1 : 0);
    broken.set(report.broken.length);
    at.set(Math.round(clock.now() / secondMs));
    duration.set(report.duration_ms / secondMs);
    return auditEveryMs;
  };
  const onError = (error: unknown) => {
    // An audit that ends because the program stops is not an error.
    if (!stopping.aborted) log.error(error, 'the audit for the metrics failed');
  };
  return new Loop(clock, run, onError, minuteMs);
}
