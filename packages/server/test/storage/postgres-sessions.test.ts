import { sql } from 'kysely';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import type { Tx } from '../../src/storage/database.ts';
import { openDatabase } from '../../src/storage/open.ts';
import { type Params, prepared } from '../../src/storage/prepared.ts';
import { describeOnPostgres, postgres } from '../support/engines.ts';
import { Market, postTask } from '../support/market.ts';
import { postgresAdmin } from '../support/shared.ts';
import { sessionPooler, transactionPooler } from '../support/pooler.ts';

const setting = prepared('showSetting', (db, p: { name: string }) =>
  db.selectNoFrom(sql<string>`current_setting(${p.name})`.as('value')),
);
const change = prepared('changeSetting', (db, p: { name: string; value: string }) =>
  db.selectNoFrom(sql<string>`set_config(${p.name}, ${p.value}, false)`.as('value')),
);

/** Changes a setting in all open sessions, so that each becomes faulty. */
async function spoilAllSessions(market: Market, params: Params & { name: string; value: string }): Promise<void> {
  const reached = Promise.withResolvers<undefined>();
  let open = 0;
  const spoil = async (tx: Tx) => {
    await tx.first(change, params);
    if (++open === 16) reached.resolve(undefined);
    await reached.promise;
  };
  await Promise.all(Array.from({ length: 16 }, () => market.ctx.db.transact('spoil', spoil)));
}

const refusal = (url: string): Promise<string> =>
  openDatabase(url, { onError: () => undefined }).then(
    async (db) => {
      await db.close();
      return 'opened';
    },
    (error: unknown) => String(error),
  );

describeOnPostgres('a session with the database', () => {
  it('has our settings, whatever the defaults of the database or the role are', async () => {
    const url = await postgres.freshUrl();
    const name = new URL(url).pathname.slice(1);
    const ours = {
      statement_timeout: ['1s', '30s'],
      lock_timeout: ['1s', '0'],
      idle_session_timeout: ['1s', '0'],
      idle_in_transaction_session_timeout: ['1s', '30s'],
      default_transaction_isolation: ['serializable', 'read committed'],
      default_transaction_read_only: ['on', 'off'],
      synchronous_commit: ['off', 'on'],
    };
    const defaults = Object.entries(ours).map(([key, [theirs]]) => `alter database ${name} set ${key} = '${theirs!}'`);
    const admin = new pg.Client(await postgresAdmin());
    await admin.connect();
    onTestFinished(() => admin.end());
    for (const statement of defaults) await admin.query(statement);

    const market = await Market.open(url);
    onTestFinished(() => market.close());
    for (const [key, [, value]] of Object.entries(ours)) {
      expect(await market.ctx.db.first(setting, { name: key }), key).toEqual({ value });
    }
    expect(await postTask(await market.register())).toMatch(/^tk-/);
  });

  it('that has become read-only is replaced, and so are the others: no write fails', async () => {
    const market = await Market.fresh(postgres);
    const agent = await market.register();
    await spoilAllSessions(market, { name: 'default_transaction_read_only', value: 'on' });
    for (let i = 0; i < 20; i++) expect(await postTask(agent, { max_credits: 1 })).toMatch(/^tk-/);
    expect(await market.ctx.db.first(setting, { name: 'default_transaction_read_only' })).toEqual({ value: 'off' });
  });

  it('that does not get a lock in time is overloaded, not broken', async () => {
    const market = await Market.fresh(postgres);
    const agent = await market.register();
    await spoilAllSessions(market, { name: 'lock_timeout', value: '1' });
    const other = new pg.Client(market.url);
    await other.connect();
    onTestFinished(() => other.end());
    await other.query('begin');
    await other.query('lock table agents in access exclusive mode');
    const { status, body } = await agent.patch('/v1/me', { good_at: 'waiting' });
    expect({ status, code: body.code }).toEqual({ status: 503, code: expect.stringMatching(/overloaded|storage/) });
    await other.query('rollback');
    expect((await agent.patch('/v1/me', { good_at: 'waiting' })).status).toBe(200);
  });

  it('fails readiness with 503 and the reason while the database does not accept writes', async () => {
    const market = await Market.fresh(postgres);
    const ready = async () => {
      market.clock.advance(1_000);
      const { status, body } = await market.request({ method: 'GET', url: '/health/ready' });
      return { status, reason: body.reason };
    };
    expect(await ready()).toEqual({ status: 200, reason: undefined });
    await postgres.vandalise(
      market.url,
      'set session_replication_role = origin',
      `create function refuse() returns trigger language plpgsql as
         $$ begin raise exception 'cannot execute UPDATE in a read-only transaction' using errcode = '25006'; end $$`,
      'create trigger refuse before update on meta for each row execute function refuse()',
    );
    expect(await ready()).toEqual({
      status: 503,
      reason: expect.stringContaining('does not accept writes: it is a standby'),
    });
    await postgres.vandalise(market.url, 'drop function refuse cascade');
    expect(await ready()).toEqual({ status: 200, reason: undefined });
  });
});

describeOnPostgres('a database that would answer with errors', () => {
  it('is refused at start when its encoding is not UTF8', async () => {
    const admin = new pg.Client(await postgresAdmin());
    await admin.connect();
    const name = `latin_${process.pid}`;
    await admin.query(`create database ${name} template template0 encoding 'LATIN1' locale 'C'`);
    onTestFinished(async () => {
      await admin.query(`drop database ${name} with (force)`);
      await admin.end();
    });
    const url = new URL(await postgresAdmin());
    url.pathname = name;
    expect(await refusal(url.href)).toMatch(
      /the encoding of the database is LATIN1, but must be UTF8: create database/,
    );
  });

  it('is refused through a pooler in transaction mode', async () => {
    expect(await refusal(await transactionPooler(await postgres.freshUrl()))).toMatch(
      /leads to a connection pooler in transaction mode; set the pooler to session mode/,
    );
  });

  it('is used through a pooler in session mode, which refuses unknown parameters', async () => {
    const market = await Market.open(await sessionPooler(await postgres.freshUrl()));
    onTestFinished(() => market.close());
    expect(await postTask(await market.register())).toMatch(/^tk-/);
  });
});

it('an address may name several servers, which are tried in turn', async () => {
  const { Hosts } = await import('../../src/storage/postgres/hosts.ts');
  const hosts = new Hosts('postgres://me:secret@one:1,two:2,three/db?sslmode=require&target_session_attrs=read-write');
  const seen = [];
  for (let i = 0; i < 4; i++) {
    seen.push(hosts.url);
    hosts.leave(hosts.url);
    // Another caller reports the same failure later.
    hosts.leave(seen[i]!);
  }
  const url = (host: string) => `postgres://me:secret@${host}/db?sslmode=require`;
  expect(seen).toEqual([url('one:1'), url('two:2'), url('three'), url('one:1')]);
  expect([hosts.count, hosts.wantsPrimary, hosts.location]).toEqual([3, true, 'postgres://one:1,two:2,three/db']);
  expect(new Hosts('postgres://one/db').wantsPrimary).toBe(false);
  expect(new Hosts('postgres://one/db?target_session_attrs=primary')).toMatchObject({ wantsPrimary: true, count: 1 });
});
