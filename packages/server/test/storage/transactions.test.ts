import { expect, it } from 'vitest';
import type { Tx } from '../../src/storage/database.ts';
import { type Params, prepared } from '../../src/storage/prepared.ts';
import { openSqlite } from '../../src/storage/sqlite/sqlite.ts';
import { DomainError } from '../../src/ground/errors.ts';
import { appendEvent } from '../../src/rules/events/append.ts';
import { onBothEngines, sqlite } from '../support/engines.ts';
import { Market } from '../support/market.ts';
import { put, get, openFresh, valueOf } from '../support/meta-rows.ts';

const addAgent = prepared('addAgent', (db, p: { id: string }) =>
  db.insertInto('agents').values({
    id: p.id,
    name: 'x',
    accepts_system_tasks: 0,
    tasks_posted: 0,
    tasks_completed: 0,
    rating_sum: 0,
    rating_count: 0,
    created_at: 0,
  }),
);
const change = prepared('change', (db, p: { key: string; value: string }) =>
  db.updateTable('meta').set({ value: p.value }).where('key', '=', p.key),
);
const countMeta = prepared('countMeta', (db, _: Params) =>
  db.selectFrom('meta').select((eb) => [eb.fn.countAll<number>().as('count'), eb.fn.sum<number>(eb.lit(2)).as('sum')]),
);

onBothEngines('a transaction', (engine) => {
  it('that fails is rolled back without affecting others', async () => {
    const { db } = await openFresh(engine);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        db.transact('put', async (tx) => {
          tx.send(put, { key: `before ${i}`, value: 'x' });
          await tx.run(put, { key: `key ${i}`, value: 'x' });
          if (i % 3 === 0) throw new DomainError('conflict', 'On purpose');
          return i;
        }),
      ),
    );
    for (const [i, outcome] of outcomes.entries()) {
      expect(outcome.status).toBe(i % 3 === 0 ? 'rejected' : 'fulfilled');
      expect(await valueOf(db, `key ${i}`)).toBe(i % 3 === 0 ? undefined : 'x');
      expect(await valueOf(db, `before ${i}`)).toBe(i % 3 === 0 ? undefined : 'x');
    }
  });

  it('fails with the error of a queued statement', async () => {
    const { db } = await openFresh(engine);
    const sent = db.transact('put', async (tx) => {
      tx.send(put, { key: 'good', value: 'x' });
      tx.send(put, { key: 'bad', value: null as unknown as string });
      await tx.first(get, { key: 'good' }).catch(() => undefined);
    });
    await expect(sent).rejects.toThrow(/null/i);
    expect(await valueOf(db, 'good')).toBeUndefined();
  });

  it('with a statement that must change a row fails as a whole when it changes none', async () => {
    const { db } = await openFresh(engine);
    const refusal = () => new DomainError('conflict', 'There is no such row');
    const changing = (key: string) =>
      db.transact('change', async (tx) => {
        tx.mustChange(change, { key, value: 'changed' }, refusal);
        tx.send(put, { key: `after ${key}`, value: 'x' });
        return (await tx.first(get, { key }))?.value;
      });
    await db.transact('put', (tx) => tx.run(put, { key: 'there', value: 'x' }));
    expect(await changing('there')).toBe('changed');
    await expect(changing('missing')).rejects.toThrow('There is no such row');
    expect([await valueOf(db, 'after there'), await valueOf(db, 'after missing')]).toEqual(['x', undefined]);
  });

  it('never succeeds after a failed statement, also when the verb ignores the failure', async () => {
    const { db } = await openFresh(engine);
    await db.transact('put', (tx) => tx.run(put, { key: 'taken', value: 'x' }));
    const [outcome] = await Promise.allSettled([
      db.transact('put', async (tx) => {
        await tx.run(put, { key: 'mine', value: 'x' });
        await tx.run(put, { key: 'other', value: null as unknown as string }).catch(() => undefined);
      }),
    ]);
    expect(await valueOf(db, 'mine')).toBe(outcome.status === 'fulfilled' ? 'x' : undefined);
  });

  it('resolves and wakes others only after the commit, and never wakes them when it failed', async () => {
    const { db } = await openFresh(engine);
    const seen: (string | undefined)[] = [];
    const wakes: Promise<void>[] = [];
    const wake = (key: string) => void wakes.push(valueOf(db, key).then((value) => void seen.push(value)));
    await db.transact('put', async (tx) => {
      tx.afterCommit(() => wake('a'));
      await tx.run(put, { key: 'a', value: 'on disk' });
    });
    const failed = db.transact('put', async (tx) => {
      tx.afterCommit(() => wake('b'));
      throw new Error('On purpose');
    });
    await expect(failed).rejects.toThrow('On purpose');
    await Promise.all(wakes);
    expect(seen).toEqual(['on disk']);
  });

  it('hides its changes from other reads until its commit', async () => {
    const { db } = await openFresh(engine);
    const during = await db.transact('put', async (tx) => {
      await tx.run(put, { key: 'here', value: 'x' });
      return { own: await tx.first(get, { key: 'here' }), others: (await valueOf(db, 'here')) ?? null };
    });
    expect(during).toEqual({ own: { value: 'x' }, others: null });
    expect(await valueOf(db, 'here')).toBe('x');
  });

  it('resolves only when another connection can read the committed rows', async () => {
    const { db, url } = await openFresh(engine);
    for (const key of ['a', 'b', 'c']) {
      const answered = db
        .transact('put', (tx) => tx.run(put, { key, value: 'on disk' }))
        .then(() => engine.query(url, `select value from meta where key = '${key}'`));
      expect(await answered).toEqual([{ value: 'on disk' }]);
    }
    // Concurrent transactions share a commit or conflict. None of them may resolve too early for that.
    const seen = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        await db.transact('put', (tx) => tx.run(put, { key: `many ${i}`, value: 'on disk' }));
        return engine.query(url, `select value from meta where key = 'many ${i}'`);
      }),
    );
    expect(seen.flat()).toEqual(Array(20).fill({ value: 'on disk' }));
  });

  it('gets counts and sums as numbers', async () => {
    const { db } = await openFresh(engine);
    const { count, sum } = (await db.first(countMeta, {}))!;
    expect([typeof count, typeof sum]).toEqual(['number', 'number']);
  });

  it('numbers events of many writers without gaps, and without deadlocks when each takes its locks in order', async () => {
    const { ctx, url } = await Market.fresh(engine);
    const { db } = ctx;
    const agents = ['ag-1', 'ag-2', 'ag-3', 'ag-4'];
    await db.transact('agents', async (tx) => agents.forEach((id) => tx.send(addAgent, { id })));
    const numbers = new Map(agents.map((id) => [id, [] as number[]]));
    const two = async (tx: Tx, i: number) => {
      const pair = [agents[i % 4]!, agents[(i + 1 + (i % 3)) % 4]!].sort();
      for (const agentId of new Set(pair)) {
        await appendEvent({ ctx, tx, now: i }, { agentId, taskId: 'tk-1', type: 'deadline_expired', data: {} });
      }
      if (i % 7 === 0) throw new DomainError('conflict', 'On purpose');
    };
    // In portions small enough that none waits for a connection.
    for (let from = 0; from < 400; from += 40) {
      await Promise.allSettled(Array.from({ length: 40 }, (_, i) => db.transact('two', (tx) => two(tx, from + i))));
    }
    const rows = await engine.query(url, 'select agent_id, number from events order by agent_id, number');
    for (const { agent_id, number } of rows) numbers.get(String(agent_id))!.push(Number(number));
    for (const of of numbers.values()) expect(of).toEqual(of.map((_, i) => i + 1));
    expect(rows.length).toBeGreaterThan(600);
  });
});

it('a query on the root handle is a type error where a transaction is required', async () => {
  const { db } = await openFresh(sqlite);
  const needsTx = (_tx: Tx) => undefined;
  await db.transact('type test', async (tx) => needsTx(tx));

  // @ts-expect-error The root handle inside a transaction would hang on SQLite and escape on PostgreSQL.
  needsTx(db); // eslint-disable-line @typescript-eslint/no-unsafe-class-instance-assignment -- that is the point
});

it('opening a file twice is refused with a sentence until the first user has closed it', async () => {
  const { db, url } = await openFresh(sqlite);
  expect(() => openSqlite({ path: url })).toThrow(`Another Pinchwork server is using ${url}`);
  await db.close();
  await openSqlite({ path: url }).close();
});

it('writers beyond the limit of the queue are refused, and the others are served', async () => {
  const { db } = await openFresh(sqlite);
  const writes = Array.from({ length: 6_000 }, (_, i) =>
    db.transact('put', (tx) => tx.run(put, { key: `key ${i}`, value: 'x' })),
  );
  const outcomes = await Promise.allSettled(writes);
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  expect(refused.length).toBe(1_000);
  expect(refused[0]).toMatchObject({ reason: { code: 'overloaded' } });
});

it('closing a database ends the jobs in its threads', async () => {
  const { db } = await openFresh(sqlite);
  const job = db.runApart(new URL('./endless-job.ts', import.meta.url), null, 'long');
  await Promise.all([db.close(), expect(job).rejects.toMatchObject({ code: 'storage_unavailable' })]);
});
