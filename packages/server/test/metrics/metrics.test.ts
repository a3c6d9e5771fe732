import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { minuteMs } from '../../src/ground/clock.ts';
import { readConfig } from '../../src/ground/config.ts';
import { startServer } from '../../src/serve.ts';
import { Client } from '../support/client.ts';
import { type Engine, onBothEngines, sqlite } from '../support/engines.ts';
import { StreamReader } from '../support/streams.ts';
import { adminKey, claimTask, deadWebhook, Market, postTask } from '../support/market.ts';
import { startMetrics } from '../../src/metrics/metrics.ts';
import { unlimited } from '../support/unlimited.ts';
import { until } from '../support/until.ts';

async function start(engine: Engine, metricsPort = '0') {
  const url = await engine.marketUrl();
  const { config } = readConfig({
    PINCHWORK_DATABASE_URL: url,
    PINCHWORK_PORT: '0',
    PINCHWORK_METRICS_PORT: metricsPort,
    PINCHWORK_ADMIN_KEY: adminKey,
    PINCHWORK_LOG_LEVEL: 'silent',
    ...unlimited,
  });
  const server = await startServer(config);
  return { server, url };
}

const scrape = async (port: number) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();

/** The value of a metric with these labels. */
function valueOf(text: string, name: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

onBothEngines('the metrics', (engine) => {
  it('count requests by route, commits and waits, and show the result of the audit', async () => {
    const { server } = await start(engine);
    const client = new Client(server.url);
    const [poster, worker] = [await client.register('poster'), await client.register('worker')];
    const task = await claimTask(poster, worker);
    for (let i = 0; i < 200; i++) await client.send('GET', `/odd/${i}`);
    for (let i = 0; i < 20; i++) await poster.get(`/v1/tasks/odd-${i}`);
    const waiting = poster.get(`/v1/tasks/${task}?wait=60`);
    while (server.core.watch.count === 0) await new Promise(setImmediate);
    const stream = await StreamReader.open(server.url, poster);
    const text = await scrape(server.metricsPort!);
    const requests = (method: string, route: string, status: number) =>
      valueOf(text, `pinchwork_http_requests_total{method="${method}",route="${route}",status="${status}"}`);
    expect(requests('POST', '/v1/register', 201)).toBe(2);
    expect(requests('POST', '/v1/tasks/:id/pickup', 200)).toBe(1);
    expect(requests('GET', '/v1/tasks/:id', 404)).toBe(20);
    expect(requests('any', 'unknown', 404)).toBe(200);
    expect(text.match(/^pinchwork_http_requests_total/gm)!.length).toBeLessThan(10);
    expect(valueOf(text, 'pinchwork_http_request_duration_seconds_count{method="POST",route="/v1/register"}')).toBe(2);
    expect(valueOf(text, 'pinchwork_commit_batch_size_count')).toBeGreaterThanOrEqual(3);
    expect(valueOf(text, 'pinchwork_write_queue_length')).toBe(0);
    expect(valueOf(text, 'pinchwork_open_streams{kind="long_poll"}')).toBe(1);
    expect(valueOf(text, 'pinchwork_open_streams{kind="events"}')).toBe(1);
    expect(text).toContain('process_resident_memory_bytes');
    await server.stop();
    await Promise.all([waiting, stream.untilEnd()]);
    await expect(scrape(server.metricsPort!)).rejects.toThrow();
  });

  it('show the outcomes of webhook deliveries', async () => {
    const market = await Market.fresh(engine, { PINCHWORK_WEBHOOK_MAX_RETRIES: '0' });
    const metrics = await startMetrics(market.ctx, market.app, 0);
    const [owner, worker] = [await market.register('owner', { webhook_url: deadWebhook }), await market.register()];
    // The receiver confirms itself.
    await engine.vandalise(
      market.url,
      `update webhook_receivers set status = 'active', probe_id = null, due_at = null`,
      'delete from webhook_deliveries',
    );
    const read = async (name: string) => valueOf(await scrape(metrics.port), `pinchwork_webhook_${name}`);
    await claimTask(owner, worker, { max_credits: 1 });
    market.clock.advance(5_000);
    expect(await read('queue_length')).toBe(1);
    expect(await read('oldest_waiting_seconds')).toBe(5);
    market.ctx.webhooks.start();
    await until(async () => (await read('attempts_total{outcome="dead"}')) === 1);
    await until(async () => (await read('oldest_waiting_seconds')) === 0);
    expect(await read('attempts_total{outcome="delivered"}')).toBe(0);
    expect(await read('queue_length')).toBe(0);
    await owner.patch('/v1/me', { webhook_url: `${deadWebhook}/new` });
    expect(await read('receivers_held{status="unconfirmed"}')).toBe(1);
    expect(await read('receivers_held{status="paused"}')).toBe(0);
    await until(async () => (await read('attempts_total{outcome="failed"}')) === 1);
    market.clock.advance(60_000 - 1);
    expect(await read('oldest_waiting_seconds')).toBe(0);
    await metrics.stop();
  });

  it('show how many events wait for matched agents', async () => {
    const market = await Market.fresh(engine);
    const metrics = await startMetrics(market.ctx, market.app, 0);
    await market.register('worker', { good_at: 'translation of poems' });
    await postTask(await market.register(), { need: 'A translation of poems' });
    const waiting = async () => valueOf(await scrape(metrics.port), 'pinchwork_outbox_waiting');
    expect(await waiting()).toBe(1);
    await market.ctx.outbox.run();
    expect(await waiting()).toBe(0);
    await metrics.stop();
  });

  it('show how many reports wait for the operator', async () => {
    const market = await Market.fresh(engine);
    const metrics = await startMetrics(market.ctx, market.app, 0);
    const agent = await market.register('agent');
    const { body } = await agent.post(`/v1/tasks/${await postTask(agent)}/report`, { reason: 'Spam' });
    const open = async () => valueOf(await scrape(metrics.port), 'pinchwork_reports_open');
    expect(await open()).toBe(1);
    await market.admin.post(`/v1/admin/reports/${body.report_id}`, { status: 'dismissed' });
    expect(await open()).toBe(0);
    await metrics.stop();
  });

  it('are served without the figures of the database when it does not answer', async () => {
    const market = await Market.fresh(engine);
    const metrics = await startMetrics(market.ctx, market.app, 0);
    for (const table of ['webhook_deliveries', 'webhook_receivers']) {
      await engine.vandalise(market.url, `alter table ${table} rename to ${table}_away`);
    }
    const text = await scrape(metrics.port);
    expect(valueOf(text, 'pinchwork_webhook_queue_length')).toBeNaN();
    expect(valueOf(text, 'pinchwork_webhook_oldest_waiting_seconds')).toBeNaN();
    expect(valueOf(text, 'pinchwork_write_queue_length')).toBe(0);
    await metrics.stop();
  });

  it('show late transitions and violations', async () => {
    const market = await Market.fresh(engine);
    const metrics = await startMetrics(market.ctx, market.app, 0);
    const [poster, worker] = [await market.register(), await market.register()];
    await claimTask(poster, worker, { claim_timeout_minutes: 1, max_credits: 1 });
    market.clock.advance(2 * minuteMs);
    await market.ctx.timers.runDue();
    const read = async (name: string) => valueOf(await scrape(metrics.port), name);
    expect(await read('pinchwork_timer_lateness_seconds_sum')).toBeGreaterThanOrEqual(59);
    const seen = async (name: string, value: number) => {
      while ((await read(name)) !== value) await new Promise(setImmediate);
    };
    await seen('pinchwork_audit_ok', 1);
    await engine.vandalise(market.url, `update accounts set balance = balance + 1 where id = '${worker.id}'`);
    market.clock.advance(15 * minuteMs);
    await seen('pinchwork_audit_ok', 0);
    expect(await read('pinchwork_audit_broken')).toBeGreaterThan(0);
    await metrics.stop();
  });
});

it('the metrics show how many log lines were dropped', async () => {
  const market = await Market.fresh(sqlite);
  const ctx = { ...market.ctx, logOutput: { say: () => undefined, flush: () => undefined, dropped: () => 5 } };
  const metrics = await startMetrics(ctx, market.app, 0);
  for (let i = 0; i < 2; i++) {
    expect(valueOf(await scrape(metrics.port), 'pinchwork_log_lines_dropped_total')).toBe(5);
  }
  await metrics.stop();
});

it('a metrics port that is in use stops the start with a sentence', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as AddressInfo;
  await expect(start(sqlite, String(port))).rejects.toThrow(
    `Can't serve metrics on port ${port} (PINCHWORK_METRICS_PORT)`,
  );
});

it('metrics are not served unless a port is set', async () => {
  const { server } = await start(sqlite, '');
  expect(server.metricsPort).toBeUndefined();
  await server.stop();
});
