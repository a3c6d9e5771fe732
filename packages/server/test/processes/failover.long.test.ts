import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { Client } from '../support/client.ts';
import { describeOnPostgres } from '../support/engines.ts';
import { PersistentPosters } from '../support/persistent.ts';
import { createDatabase, startPostgres } from '../support/postgres.ts';
import { startServer } from '../support/process.ts';
import { until } from '../support/until.ts';

const initialCredits = 1_000_000;

/** An address that can be moved from one server to another, like a virtual IP, a DNS name or a proxy. */
async function movingAddress(url: string) {
  let target = new URL(url);
  const sockets = new Set<Socket>();
  const listener = createServer((client) => {
    const server = connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined).on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  });
  const own = new URL(url);
  own.port = String((listener.address() as AddressInfo).port);
  return { url: own.href, moveTo: (other: string) => void (target = new URL(other)) };
}

async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The same database on another server. */
function at(server: { readonly adminUrl: string }, database: string): URL {
  const url = new URL(server.adminUrl);
  url.pathname = new URL(database).pathname;
  return url;
}

describeOnPostgres('the loss of the primary', () => {
  it(
    'loses nothing that was answered; writes go on by themselves once the standby is promoted',
    { timeout: 300_000 },
    async () => {
      const primary = await startPostgres({ durable: true });
      onTestFinished(() => primary.stop());
      const database = await createDatabase(primary.adminUrl);
      const standby = await primary.startStandby();
      onTestFinished(() => standby.stop());
      await onServer(primary.adminUrl, async (client) => {
        // A commit is answered when the standby has it on disk too.
        await client.query(`alter system set synchronous_standby_names = 'standby'`);
        await client.query('select pg_reload_conf()');
        await until(async () => {
          const { rows } = await client.query(`select 1 from pg_stat_replication where sync_state = 'sync'`);
          return rows.length === 1;
        });
      });

      // One node uses the moving address; the other lists both servers.
      const address = await movingAddress(database);
      const [first, second] = [at(primary, database), at(standby, database)];
      const both = `postgres://postgres:pinchwork@${second.host},${first.host}${first.pathname}?target_session_attrs=read-write`;
      const env = { PINCHWORK_INITIAL_CREDITS: String(initialCredits), PINCHWORK_LOG_LEVEL: 'fatal' };
      const nodes = [await startServer(address.url, env), await startServer(both, env)].map(
        ({ url }) => new Client(url),
      );
      const agents = [await nodes[0]!.register(), await nodes[1]!.register()];
      const posters = agents.map((agent) => new PersistentPosters(agent, 4, { max_credits: 1 }));
      await Promise.all(posters.map((each) => each.untilMore('created', 50)));

      await primary.kill();
      await Promise.all(posters.map((each) => each.untilMore('refused', 10)));
      for (const node of nodes) {
        const { status, body } = await node.send('GET', '/health/ready');
        expect({ status, reason: typeof body.reason }).toEqual({ status: 503, reason: 'string' });
      }
      // The address moves before the promotion, so that nodes also open sessions to a standby.
      address.moveTo(second.href);
      await posters[0]!.untilMore('refused', 10);
      await onServer(second.href, (client) => client.query(`alter system set synchronous_standby_names = ''`));
      await onServer(second.href, (client) => client.query('select pg_promote(), pg_reload_conf()'));
      await Promise.all(posters.map((each) => each.untilMore('created', 50)));

      // No session to a standby is left.
      const refused = posters.map((each) => each.refused);
      await Promise.all(posters.map((each) => each.untilMore('created', 50)));
      expect(posters.map((each) => each.refused)).toEqual(refused);
      await Promise.all(posters.map((each) => each.stop()));
      for (const [i, agent] of agents.entries()) {
        expect((await agent.get('/v1/me')).body.tasks_posted).toBe(posters[i]!.created);
        expect((await nodes[i]!.send('GET', '/health/ready')).status).toBe(200);
      }
      expect((await nodes[0]!.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
    },
  );
});
