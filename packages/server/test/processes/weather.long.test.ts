import { execFileSync, spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { hourMs } from '../../src/ground/clock.ts';
import { Client, statusAfter } from '../support/client.ts';
import { describeOnPostgres, type Engine, isChosen, postgres, sqlite } from '../support/engines.ts';
import { type Agent, Market, postTask } from '../support/market.ts';
import { PersistentPosters } from '../support/persistent.ts';
import { type ServerProcess, startServer } from '../support/process.ts';
import { Proxy } from '../support/proxy.ts';
import { Receiver } from '../support/receiver.ts';
import { postgresAdmin } from '../support/shared.ts';
import { converse, numbers, StreamReader } from '../support/streams.ts';
import { until } from '../support/until.ts';

const initialCredits = 1_000_000;

/** A way in which the storage of a running server fails for a while. */
interface Storm {
  readonly engine: Engine;
  readonly what: string;
  /** The expected statuses of a read and of `/health/ready` meanwhile. */
  readonly statusOf: { readonly read: number; readonly ready: number };
  prepare(): Promise<{ url: string; begin(server: ServerProcess): void; end(server: ServerProcess): Promise<void> }>;
}

const databaseGone: Storm = {
  engine: postgres,
  what: 'PostgreSQL that can not be reached',
  statusOf: { read: 503, ready: 503 },
  prepare: async () => {
    const proxy = await Proxy.before(await postgres.marketUrl());
    return { url: proxy.url, begin: () => proxy.cut(), end: () => proxy.restore() };
  },
};

/** Simulates a full disk by limiting file sizes: this needs no privileges and affects no other process. */
const fileLimit = (server: ServerProcess, bytes: number | 'unlimited') =>
  execFileSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:unlimited`]);

const filesCanNotGrow: Storm = {
  engine: sqlite,
  what: 'SQLite whose files can not grow',
  statusOf: { read: 200, ready: 503 },
  prepare: async () => ({
    url: await sqlite.marketUrl(),
    begin: (server) => void fileLimit(server, 4_096),
    end: async (server) => void fileLimit(server, 'unlimited'),
  }),
};

/** Only Linux can limit a running process from outside. The test of a full database below runs everywhere. */
const storms = spawnSync('prlimit', ['--version']).status === 0 ? [databaseGone, filesCanNotGrow] : [databaseGone];

for (const { engine, what, prepare, statusOf } of storms) {
  describe.skipIf(!isChosen(engine))(what, () => storm(prepare, statusOf));
}

function storm(prepare: Storm['prepare'], statusOf: Storm['statusOf']) {
  it('fails writes with 503 and leaves nothing half done; service comes back by itself', async () => {
    const { url: database, begin, end } = await prepare();
    const { server, url } = await startServer(database, {
      PINCHWORK_INITIAL_CREDITS: String(initialCredits),
      PINCHWORK_LOG_LEVEL: 'fatal',
    });
    const client = new Client(url);
    const agent = await client.register();
    const posters = new PersistentPosters(agent, 8, { max_credits: 1 });

    for (let storm = 0; storm < 2; storm++) {
      await posters.untilMore('created', 50);
      begin(server);
      await posters.untilMore('refused', 50);
      expect(await client.send('GET', '/health')).toMatchObject({ status: 200, body: { status: 'ok' } });
      // The server may have looked within the last second, and its result holds that long.
      while ((await client.send('GET', '/health/ready')).status !== statusOf.ready) await pause(50);
      expect((await agent.get('/v1/me')).status).toBe(statusOf.read);
      if (statusOf.read === 503) {
        const page = await fetch(`${url}/human`, { headers: { accept: 'text/html' } });
        expect(page.status).toBe(503);
        expect(await page.text()).toMatch(/^<!doctype html>[^]*The market cannot read its data at this moment/);
      }
      await end(server);
    }
    await posters.untilMore('created', 50);
    await posters.stop();

    const tasks = posters.created;
    expect((await agent.get('/v1/me')).body).toMatchObject({ tasks_posted: tasks, credits: initialCredits - tasks });
    const { body: audit } = await client.admin.get('/v1/admin/audit');
    expect(audit).toMatchObject({ ok: true, broken: [], checked: { tasks } });
  });

  it('does afterwards what fell due meanwhile', async () => {
    const { url: database, begin, end } = await prepare();
    const { server, url } = await startServer(database, {
      PINCHWORK_TASK_EXPIRE_HOURS: '0.0003',
      PINCHWORK_LOG_LEVEL: 'fatal',
    });
    const agent = await new Client(url).register();
    const task = await postTask(agent);

    begin(server);
    // Due after 1,080 ms, rounded up to a second; by then the clock has had its failures.
    await pause(2_200);
    expect((await agent.post('/v1/tasks', { need: 'Count the words' })).status).toBe(503);
    await end(server);

    expect(await statusWhenBack(agent, task)).toBe('expired');
    expect((await agent.get('/v1/me')).body.credits).toBe(100);
  });

  it('breaks no stream and loses no webhook: both go on by themselves', async () => {
    const { url: database, begin, end } = await prepare();
    const { server, url } = await startServer(database, {
      PINCHWORK_LOG_LEVEL: 'fatal',
      PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true',
      // Short: an attempt whose outcome could not be stored is repeated after this long plus 5 s.
      PINCHWORK_WEBHOOK_TIMEOUT_SECONDS: '1',
    });
    const client = new Client(url);
    const receiver = await Receiver.open();
    const { poster, worker, task } = await converse(client);
    await poster.patch('/v1/me', { webhook_url: receiver.url });
    const reader = await StreamReader.open(url, poster);
    const writers = new PersistentPosters(worker, 4, { message: 'Half done' }, `/v1/tasks/${task}/messages`);

    for (let storm = 0; storm < 2; storm++) {
      await writers.untilMore('created', 20);
      begin(server);
      await writers.untilMore('refused', 20);
      await end(server);
    }
    await writers.untilMore('created', 20);
    await writers.stop();

    // The first event was the claim, before it was opened and before there was a webhook.
    await reader.untilMessages(writers.created);
    expect(reader.ended).toBe(false);
    expect(reader.ids).toEqual(numbers(2, writers.created + 1));
    const told = reader.messages.map(({ data }) => data.message_id as string);
    expect(new Set(told).size).toBe(writers.created);
    const total = async (status = '') => (await poster.get(`/v1/me/webhook/deliveries?limit=1${status}`)).body.total;
    // A host gets 60 requests in a minute; the rest waits.
    await until(async () => (await total('&status=delivered')) >= Math.min(writers.created, 60));
    expect(await total()).toBe(writers.created);
    expect(await total('&status=dead')).toBe(0);
    const sent = new Set(receiver.received.map(({ body }) => body.data.message_id as string));
    expect(told.slice(0, sent.size)).toEqual([...sent]);
    expect((await client.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });
}

/** The status that a posted task reaches after the storage recovers. */
async function statusWhenBack(agent: Agent, task: string): Promise<string> {
  while ((await agent.get(`/v1/tasks/${task}`)).status !== 200);
  return statusAfter(agent, task, 'posted');
}

describeOnPostgres('PostgreSQL that ends the sessions of its clients', () => {
  it('is worth a new try, and no task is made twice', async () => {
    const database = await postgres.marketUrl();
    const { url } = await startServer(database, { PINCHWORK_LOG_LEVEL: 'fatal' });
    const client = new Client(url);
    const agent = await client.register();
    await client.admin.post('/v1/admin/credits/grant', { agent_id: agent.id, amount: initialCredits });
    const posters = new PersistentPosters(agent, 8, { max_credits: 1 });

    for (let i = 0; i < 5; i++) {
      await posters.untilMore('created', 30);
      await endSessions(database);
    }
    await posters.untilMore('created', 30);
    await posters.stop();

    expect((await agent.get('/v1/me')).body.tasks_posted).toBe(posters.created);
    expect((await client.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });
});

async function endSessions(database: string): Promise<void> {
  const admin = new pg.Client(await postgresAdmin());
  await admin.connect();
  const name = new URL(database).pathname.slice(1);
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
  await admin.end();
}

describeOnPostgres('a connection that breaks in the middle of a commit', () => {
  it('does not pass for a write that has changed nothing; its key tells what became of it', async () => {
    const proxy = await Proxy.before(await postgres.marketUrl());
    const { url } = await startServer(proxy.url, { PINCHWORK_LOG_LEVEL: 'fatal' });
    const agent = await new Client(url).register();
    const task = { need: 'Count the words', max_credits: 7 };
    const headers = { 'idempotency-key': 'one task, please' };

    const cut = proxy.cutAtCommitOf(task.need);
    const { status, body } = await agent.post('/v1/tasks', task, headers);
    await cut;
    expect({ status, code: body.code }).toEqual({ status: 503, code: 'storage_unavailable' });
    expect(body.error).not.toContain('nothing was changed');

    const again = await agent.post('/v1/tasks', task, headers);
    expect(again).toMatchObject({ status: 201, headers: { 'idempotency-replayed': 'true' } });
    expect((await agent.get('/v1/me')).body).toMatchObject({ tasks_posted: 1, credits: 93 });
  });
});

describe('an SQLite database that is full', () => {
  it('fails every write with 503 while reads go on, until there is room again', async () => {
    const market = await Market.fresh(sqlite);
    const agent = await market.register();
    const task = await postTask(agent, { max_credits: 1 });
    // Too large for the free space of any page, so that each write needs new pages.
    const letter = { need: 'x'.repeat(20_000), max_credits: 1 };
    const postAll = () => Promise.all(Array.from({ length: 50 }, () => agent.post('/v1/tasks', letter)));

    await limitPages(market, 1);
    for (const { status, headers, body } of await postAll()) {
      expect({ status, code: body.code }).toEqual({ status: 503, code: 'storage_unavailable' });
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    expect((await agent.get(`/v1/tasks/${task}`)).status).toBe(200);
    expect((await agent.get('/v1/me')).body).toMatchObject({ credits: 99, tasks_posted: 1 });

    await limitPages(market, 1_000_000);
    expect((await postAll()).map(({ status }) => status)).toEqual(Array(50).fill(201));
    expect((await agent.get('/v1/me')).body).toMatchObject({ credits: 49, tasks_posted: 51 });
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });
});

/** PostgreSQL's error when it cannot write (`disk_full`), raised by a trigger instead of a disk. */
const refuseWrites = [
  `create function no_room() returns trigger language plpgsql as
     $$ begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$`,
  'create trigger no_room before insert or update on ledger_entries for each row execute function no_room()',
  'create trigger no_room before update on tasks for each row execute function no_room()',
];

describeOnPostgres('a PostgreSQL whose disk is full', () => {
  it('fails every write with 503 and changes nothing while reads go on, until there is room again', async () => {
    const market = await Market.fresh(postgres);
    const agent = await market.register();
    const task = await postTask(agent, { max_credits: 1 });
    await postgres.vandalise(market.url, 'set session_replication_role = origin', ...refuseWrites);
    for (const path of ['/v1/tasks', `/v1/tasks/${task}/cancel`]) {
      const { status, headers, body } = await agent.post(
        path,
        { need: 'Count the words' },
        { 'idempotency-key': path },
      );
      expect({ status, code: body.code }).toEqual({ status: 503, code: 'storage_unavailable' });
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    // The timer fails too and must not drop the task.
    await expect(market.pass(80 * hourMs)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect((await agent.get(`/v1/tasks/${task}`)).body.status).toBe('posted');
    expect((await agent.get('/v1/me')).body).toMatchObject({ credits: 99, tasks_posted: 1 });

    await postgres.vandalise(market.url, 'drop function no_room cascade');
    await market.pass(0);
    expect((await agent.get(`/v1/tasks/${task}`)).body.status).toBe('expired');
    expect(
      (await agent.post('/v1/tasks', { need: 'Count the words' }, { 'idempotency-key': '/v1/tasks' })).status,
    ).toBe(201);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });
});

/** Limits the database to `pages` pages, or to its current size if larger: it then behaves as on a full disk. */
const limitPages = ({ ctx }: Market, pages: number) =>
  ctx.db.migrate(async (connection) => {
    await sql`pragma max_page_count = ${sql.lit(pages)}`.execute(connection);
  });
