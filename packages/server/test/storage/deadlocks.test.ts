import { expect, it, onTestFinished } from 'vitest';
import audit from '../../src/audit/audit.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { deposit, openAccount } from '../../src/rules/ledger/queries.ts';
import { migrate } from '../../src/storage/migrate.ts';
import { openDatabase } from '../../src/storage/open.ts';
import { version } from '../../src/ground/version.ts';
import { provokedDeadlocks } from '../support/deadlocks.ts';
import { type Engine, itOnPostgres, onBothEngines, postgres } from '../support/engines.ts';
import { type Agent, deliverTask, Market, postTask, type Reply } from '../support/market.ts';

const rounds = 12;

/** Two servers on one database if the engine allows it; otherwise the same server twice. */
class Pair {
  readonly left: Market;
  readonly right: Market;

  private constructor(left: Market, right: Market) {
    this.left = left;
    this.right = right;
  }

  static async open(engine: Engine): Promise<Pair> {
    const url = await engine.marketUrl();
    const left = await Market.open(url, { PINCHWORK_INITIAL_CREDITS: '10000' });
    return new Pair(left, left.ctx.db.shared ? await Market.open(url, {}, left.clock) : left);
  }

  /** The same agent, alternating between the servers. */
  at(i: number, { id, key }: Agent): Agent {
    return (i % 2 === 0 ? this.left : this.right).client(id, key);
  }

  /** `setup.ts` expects that PostgreSQL counted no deadlock. */
  async expectSound(): Promise<void> {
    const { broken } = await audit(this.left.ctx.db, { now: this.left.clock.now() });
    expect(broken).toEqual([]);
    for (const market of new Set([this.left, this.right])) await market.close();
  }
}

const statusesOf = (replies: readonly Reply[]) => [...new Set(replies.map(({ status }) => status))];

onBothEngines('there is no deadlock', (engine) => {
  it('when agents approve each other’s work at once, in pairs and in rings of three', async () => {
    const pair = await Pair.open(engine);
    const agents = [];
    for (const name of ['one', 'two', 'three']) agents.push(await pair.left.register(name));
    for (const size of [2, 3]) {
      const ring = agents.slice(0, size);
      for (let round = 0; round < rounds; round++) {
        const tags = ['common', `round-${round}`];
        const tasks: string[] = [];
        for (const [i, poster] of ring.entries()) {
          tasks.push(await deliverTask(poster, ring[(i + 1) % size]!, { max_credits: 3, tags }));
        }
        const replies = await Promise.all(
          ring.map((poster, i) => pair.at(round + i, poster).post(`/v1/tasks/${tasks[i]}/approve`, { rating: 5 })),
        );
        expect(statusesOf(replies)).toEqual([200]);
      }
    }
    await pair.expectSound();
  });

  it('when two agents pick up each other’s tasks in batches, and change their good_at to each other’s words', async () => {
    const pair = await Pair.open(engine);
    const agents = [await pair.left.register('one'), await pair.left.register('two')];
    const words = ['apples before zebras', 'zebras and limes before maps'];
    for (let round = 0; round < rounds; round++) {
      for (const agent of agents) for (let n = 0; n < 3; n++) await postTask(agent, { max_credits: 1 });
      const replies = await Promise.all(
        agents.flatMap((agent, i) => [
          pair.at(round + i, agent).post('/v1/tasks/pickup/batch', { count: 3 }),
          pair.at(i, agent).patch('/v1/me', { good_at: words[(round + i) % 2] }),
        ]),
      );
      expect(statusesOf(replies)).toEqual([200]);
    }
    await pair.expectSound();
  });
});

itOnPostgres('a transaction that loses a deadlock is run again, so that both succeed', async () => {
  const url = await postgres.freshUrl();
  const db = await openDatabase(url, { clock: systemClock, onError: () => undefined });
  onTestFinished(() => db.close());
  await migrate(db, version);
  await db.transact('open', async (tx) => {
    for (const id of ['ag-1', 'ag-2']) tx.send(openAccount, { id, balance: 0 });
  });
  const both = Promise.withResolvers<undefined>();
  let runs = 0;
  const pay = (first: string, second: string) =>
    db.transact('pay', async (tx) => {
      await tx.run(deposit, { id: first, amount: 1 });
      if (++runs === 2) both.resolve(undefined);
      await both.promise;
      await tx.run(deposit, { id: second, amount: 1 });
    });
  await Promise.all([pay('ag-1', 'ag-2'), pay('ag-2', 'ag-1')]);
  expect(runs).toBe(3);
  const balances = await postgres.query(url, 'select balance from accounts order by id');
  expect(balances.map(({ balance }) => Number(balance))).toEqual([2, 2]);
  await db.close();
  provokedDeadlocks(url, 1);
});
