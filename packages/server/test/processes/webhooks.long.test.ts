import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { type Engine, onBothEngines, sqlite } from '../support/engines.ts';
import { type Agent, claimTask } from '../support/market.ts';
import { MortalServer } from '../support/mortal.ts';
import { startServer } from '../support/process.ts';
import { Random, testSeed } from '../support/random.ts';
import { type Behaviour, Receiver } from '../support/receiver.ts';
import { Client } from '../support/client.ts';
import { until } from '../support/until.ts';

/**
 * Kills a real server process while it sends webhooks.
 *
 * For more webhooks: `PINCHWORK_TEST_WEBHOOKS=100000 npx vitest run processes/webhooks`.
 */
const wanted = Number(process.env.PINCHWORK_TEST_WEBHOOKS ?? 1_000);
const kills = 5;
/** Each has a host of its own, which gets 60 requests of it in a minute. */
const owners = Math.max(40, Math.ceil(wanted / 250));
const settings = {
  PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true',
  // Short: on PostgreSQL an attempt of a killed server is taken over after this long plus 5 s.
  PINCHWORK_WEBHOOK_TIMEOUT_SECONDS: '1',
  PINCHWORK_WEBHOOK_MAX_RETRIES: '1',
};

/** The stored state of each delivery, keyed by its message. */
async function outcomes(engine: Engine, url: string) {
  const rows = await engine.query(url, 'select data, status, attempts from webhook_deliveries');
  const messageOf = (data: unknown) => (JSON.parse(String(data)) as { message_id?: string }).message_id;
  return new Map(rows.map(({ data, status, attempts }) => [messageOf(data), { status, attempts: String(attempts) }]));
}

onBothEngines('kill -9 while webhooks are sent', (engine) => {
  it('loses none: each arrives, or is dead with its log', { timeout: 120_000 + wanted * 50 }, async () => {
    console.log(`${engine.name}: ${wanted} webhooks, ${kills} kills, seed ${testSeed}`);
    const random = new Random(testSeed);
    // Some replies are failures; one receiver fails for long, but is not paused: that takes 20 dead deliveries in a row.
    let failures = 0;
    const behaviour: Behaviour = (response, _n, { path }) => {
      const isBad = path === '/0' ? failures++ % 20 < 15 : random.chance(5);
      response.writeHead(isBad ? 500 : 200).end();
    };
    const receiver = await Receiver.open(behaviour, '0.0.0.0');
    const url = await engine.marketUrl();
    const server = new MortalServer(url, settings);
    const client = await server.client();
    const worker = await client.register('worker');
    const talks = await Promise.all(Array.from({ length: owners }, (_, i) => begin(client, receiver, worker, i)));

    const told: string[] = [];
    const talk = async ({ path }: { path: string }, owner: number) => {
      for (let i = 0; i < wanted / owners; i++) {
        const headers = { 'idempotency-key': `message ${i} to ${owner}` };
        let reply;
        while (reply === undefined) reply = await server.post(worker, path, { message: 'Hello' }, headers);
        expect(reply.status, reply.text).toBe(201);
        told.push(reply.body.id);
      }
    };
    const killing = async () => {
      for (let kill = 1; kill <= kills; kill++) {
        await until(() => receiver.received.length > (kill * wanted) / (kills + 1) || told.length === wanted);
        await server.die();
      }
    };
    await Promise.all([killing(), ...talks.map(talk)]);
    expect(told).toHaveLength(wanted);
    await until(async () => {
      const waiting = await engine.query(url, `select 1 from webhook_deliveries where status = 'pending' limit 1`);
      if (waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, 100));
      return waiting.length === 0;
    });

    const arrived = new Set<string>(receiver.received.map(({ body }) => body.data.message_id));
    const found = await outcomes(engine, url);
    let dead = 0;
    for (const id of told) {
      const { status, attempts } = found.get(id)!;
      if (status === 'delivered') expect(arrived, id).toContain(id);
      else expect((JSON.parse(attempts) as unknown[]).length).toBeGreaterThan(0);
      if (status === 'dead') dead++;
    }
    const { body: audit } = await (await server.client()).admin.get('/v1/admin/audit');
    expect(audit.broken).toEqual([]);
    console.log(`${receiver.received.length} attempts arrived, ${dead} are dead, ${server.broken} requests broke off`);
    expect(dead).toBeGreaterThan(0);
  });
});

/** An agent with a webhook of its own path, and a task about which the worker may write to it. */
async function begin(client: Client, receiver: Receiver, worker: Agent, i: number) {
  const webhook_url = `http://127.0.${3 + (i >> 7)}.${1 + (i % 128)}:${receiver.port}/${i}`;
  const owner = await client.register(`owner ${i}`);
  await owner.patch('/v1/me', { webhook_url });
  return { path: `/v1/tasks/${await claimTask(owner, worker)}/messages` };
}

it('a webhook goes straight to its receiver, whatever proxies the environment names', async () => {
  let proxied = 0;
  const proxy = createServer((socket) => {
    proxied++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void proxy.close());
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'];
  const { url } = await startServer(await sqlite.marketUrl(), {
    ...Object.fromEntries(names.map((name) => [name, address])),
    ...{ NO_PROXY: '', no_proxy: '', NODE_USE_ENV_PROXY: '1' },
    ...settings,
  });
  const receiver = await Receiver.open();
  const owner = await new Client(url).register('owner');
  await owner.patch('/v1/me', { webhook_url: receiver.url });
  expect((await owner.post('/v1/me/webhook/test')).body.status).toBe('delivered');
  expect(receiver.received).toHaveLength(1);
  expect(proxied).toBe(0);
});
