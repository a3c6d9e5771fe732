import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { describeOnPostgres, postgres } from '../../support/engines.ts';
import { claimTask, Market, postTask } from '../../support/market.ts';
import { Proxy } from '../../support/proxy.ts';
import { type Conversation, converse, listen, numbers, StreamReader } from '../../support/streams.ts';

/** A client for an agent of one server at another server. */
const at = (market: Market, { poster, worker, task }: Conversation): Conversation => {
  const [here, there] = [market.client(poster.id, poster.key), market.client(worker.id, worker.key)];
  return {
    task,
    poster: here,
    worker: there,
    say: async (count) => {
      for (let i = 0; i < count; i++) await there.post(`/v1/tasks/${task}/messages`, { message: 'Half done' });
    },
  };
};

/** Two servers on one database. The first reaches it through a proxy that can break the connection. */
async function twoServers() {
  const proxy = await Proxy.before(await postgres.marketUrl());
  const one = await Market.open(proxy.url, { PINCHWORK_MAX_STREAMS_PER_AGENT: '100' });
  onTestFinished(() => one.close());
  const other = await Market.open(proxy.target, {}, one.clock);
  onTestFinished(() => other.close());
  return { proxy, one, other, database: proxy.target, talk: await converse(one) };
}

/** The database's sessions that listen for signals. */
async function sessions(database: string): Promise<number> {
  const client = new pg.Client(database);
  await client.connect();
  const { rows } = await client.query<{ count: string }>(
    `select count(*) from pg_stat_activity
     where application_name = 'pinchwork signals' and datname = current_database() and query <> ''`,
  );
  await client.end();
  return Number(rows[0]!.count);
}

async function untilSessions(database: string, count: number): Promise<void> {
  while ((await sessions(database)) !== count);
}

describeOnPostgres('servers on one PostgreSQL database', () => {
  it('signal their commits to each other at once, for streams and long polls', async () => {
    const { one, other, database, talk } = await twoServers();
    one.ctx.tail.start();
    other.ctx.tail.start();
    await untilSessions(database, 2);
    const { url } = await listen(one);
    const reader = await StreamReader.open(url, talk.poster);
    const remote = at(other, talk);
    // The clock stands still, so that no server polls.
    for (let count = 1; count <= 5; count++) {
      await remote.say(1);
      await reader.untilMessages(count);
    }
    expect(reader.ids).toEqual(numbers(2, 6));
    const waiting = talk.poster.get(`/v1/tasks/${talk.task}?wait=60`);
    while (one.ctx.watch.count === 0) await new Promise(setImmediate);
    await remote.worker.post(`/v1/tasks/${talk.task}/deliver`, { result: 'Seven' });
    expect((await waiting).body.status).toBe('delivered');
  });

  it('poll while they cannot receive signals, and listen again when they can', async () => {
    const { one, other, database, talk } = await twoServers();
    const { url } = await listen(one);
    const reader = await StreamReader.open(url, talk.poster);
    await reader.until(({ lastId }) => lastId === 1);
    const remote = at(other, talk);
    await remote.say(3);
    expect(reader.messages).toEqual([]);
    await one.ctx.tail.catchUp();
    expect((await reader.untilMessages(3)).ids).toEqual([2, 3, 4]);

    one.ctx.tail.start();
    other.ctx.tail.start();
    await untilSessions(database, 2);
    for (let round = 0; round < 3; round++) {
      await endSignals(database);
      // The signal reaches the server only if it has reconnected; else it polls once it has.
      await remote.say(1);
      await reader.untilMessages(4 + 2 * round);
      await untilSessions(database, 2);
      await remote.say(1);
      await reader.untilMessages(5 + 2 * round);
    }
    expect(reader.ids).toEqual(numbers(2, 10));
  });

  it('reconnect after their database was unreachable', async () => {
    const { proxy, one, other, database, talk } = await twoServers();
    one.ctx.tail.start();
    other.ctx.tail.start();
    await untilSessions(database, 2);
    const { url } = await listen(one);
    const reader = await StreamReader.open(url, talk.poster);
    await reader.until(({ lastId }) => lastId === 1);
    proxy.cut();
    await untilSessions(database, 1);
    await at(other, talk).say(2);
    await proxy.restore();
    await reader.untilMessages(2);
    await untilSessions(database, 2);
    await at(other, talk).say(1);
    expect((await reader.untilMessages(3)).ids).toEqual([2, 3, 4]);
  });

  it('end the streams of an agent that another server has suspended, within a second', async () => {
    const { one, other, talk } = await twoServers();
    const { url } = await listen(one);
    const streams = [await StreamReader.open(url, talk.poster), await StreamReader.open(url, talk.worker)];
    one.ctx.suspensions.start();
    await other.admin.post('/v1/admin/agents/suspend', { agent_id: talk.poster.id, suspended: true });
    while (one.clock.alarms === 0) await new Promise(setImmediate);
    one.clock.advance(500);
    await streams[0]!.untilEnd();
    expect(streams[1]!.ended).toBe(false);
  });

  it('end the streams of an agent whose suspension commits after their poll', async () => {
    const { one, database, talk } = await twoServers();
    const { url } = await listen(one);
    const stream = await StreamReader.open(url, talk.poster);
    one.ctx.suspensions.start();
    while (one.clock.alarms === 0) await new Promise(setImmediate);
    const began = one.clock.now();
    // It polls repeatedly during the other transaction, whose time is that of its beginning.
    for (let looks = 0; looks < 6; looks++) {
      one.clock.advance(500);
      while (one.clock.alarms === 0) await new Promise(setImmediate);
    }
    await postgres.vandalise(database, `update agents set suspended_at = ${began} where id = '${talk.poster.id}'`);
    one.clock.advance(500);
    await stream.untilEnd();
    expect(stream.ended).toBe(true);
  });

  it('poll with two statements for any number of waiting requests, which hold no connection', async () => {
    const { one, talk } = await twoServers();
    const { url } = await listen(one);
    const agents = [talk.poster, talk.worker, await one.register()];
    for (const agent of agents) await StreamReader.open(url, agent);
    const tasks = [
      talk.task,
      await postTask(talk.poster, { max_credits: 1 }),
      await claimTask(talk.poster, talk.worker, { max_credits: 1 }),
    ];
    const waits = Array.from({ length: 60 }, (_, i) => talk.poster.get(`/v1/tasks/${tasks[i % 3]}?wait=60`));
    while (one.ctx.watch.count < 60) await new Promise(setImmediate);
    const { all } = one.ctx.db;
    const statements: string[] = [];
    one.ctx.db.all = (query, params) => {
      statements.push(query.name);
      return all.call(one.ctx.db, query, params) as never;
    };
    await one.ctx.tail.catchUp();
    expect(statements.sort()).toEqual(['newestNumbers', 'taskVersions']);
    one.ctx.watch.close();
    for (const { status } of await Promise.all(waits)) expect(status).toBe(200);
  });
});

/** Ends all sessions for signals, as a restart of the database does. */
async function endSignals(database: string): Promise<void> {
  const client = new pg.Client(database);
  await client.connect();
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'pinchwork signals' and datname = current_database()`,
  );
  await client.end();
}
