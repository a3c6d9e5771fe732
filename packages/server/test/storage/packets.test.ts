import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/storage/open.ts';
import { type Params, prepared } from '../../src/storage/prepared.ts';
import { describeOnPostgres, postgres } from '../support/engines.ts';
import { watched } from '../support/pooler.ts';

const echo = prepared('echo', (db, p: { text: string | null; count: number | null }) =>
  db.selectNoFrom([
    sql<string | null>`cast(${p.text} as text)`.as('text'),
    sql<number | null>`cast(${p.count} as bigint)`.as('count'),
  ]),
);
const replanned = prepared(
  'replanned',
  (db, p: { text: string }) => db.selectNoFrom(sql<string>`cast(${p.text} as text)`.as('text')),
  { replan: true },
);
const fail = prepared('fail', (db, p: { zero: number }) =>
  db.selectNoFrom(sql`1 / cast(${p.zero} as int)`.as('never')),
);
const manyRows = prepared('manyRows', (db, _: Params) =>
  db.selectNoFrom(sql<number>`generate_series(1, 10000)`.as('number')),
);
const first = prepared('first', (db, p: { n: number }) => db.selectNoFrom(sql<number>`cast(${p.n} as int)`.as('n')));
const second = prepared('second', (db, p: { n: number }) =>
  db.selectNoFrom(sql<number>`cast(${p.n} as int) + 1`.as('n')),
);

const sessionNumber = prepared('sessionNumber', (db, _: Params) =>
  db.selectNoFrom(sql<number>`pg_backend_pid()`.as('pid')),
);

describeOnPostgres('the packets of statements to PostgreSQL', () => {
  const open = async (url: string) => {
    const db = await openDatabase(url, { onError: () => undefined });
    onTestFinished(() => db.close());
    return db;
  };

  it('bring every value and row unchanged', async () => {
    const db = await open(await postgres.freshUrl());
    const texts = [null, '', 'plain', 'ümläut 漢字 🦀', "quote ' and \\ and $1", '\n\t\u0001', '漢'.repeat(100_000)];
    const counts = [null, 0, -1, 1.7e12, Number.MAX_SAFE_INTEGER];
    const sent = texts.flatMap((text) => counts.map((count) => ({ text, count })));
    const received = await db.transact('echo', (tx) => Promise.all(sent.map((params) => tx.first(echo, params))));
    expect(received).toEqual(sent);
    const rows = await db.all(manyRows, {});
    expect([rows.length, rows[0], rows.at(-1)]).toEqual([10_000, { number: 1 }, { number: 10_000 }]);
    expect(await db.all(replanned, { text: 'x' })).toEqual([{ text: 'x' }]);
  });

  it('hold all that a transaction sends before it waits, with its beginning; and its end with what is left', async () => {
    const seen: string[] = [];
    const db = await open(await watched(await postgres.freshUrl(), (type) => seen.push(type)));
    const work = () =>
      db.transact('two waits', async (tx) => {
        for (let n = 0; n < 5; n++) tx.send(first, { n });
        const found = await tx.one(second, { n: 1 });
        tx.send(first, found);
      });
    // The statements are sent with their texts once.
    await work();
    seen.length = 0;
    await work();
    const runs = (count: number) => Array.from({ length: count }, () => ['B', 'E']).flat();
    expect(seen).toEqual([...runs(7), 'S', ...runs(2), 'S']);
  });

  it('that fail leave the session as it was: statements that were behind the failed one are sent again', async () => {
    const db = await open(await postgres.freshUrl());
    const session = await db.one(sessionNumber, {});
    for (let round = 0; round < 2; round++) {
      const failing = db.transact('fails', async (tx) => {
        tx.send(first, { n: 1 });
        tx.send(fail, { zero: 0 });
        await tx.first(second, { n: 1 });
      });
      await expect(failing).rejects.toThrow('division by zero');
    }
    const found = await db.transact('goes on', async (tx) => [
      await tx.one(first, { n: 1 }),
      await tx.one(second, { n: 1 }),
    ]);
    expect(found).toEqual([{ n: 1 }, { n: 2 }]);
    // A session at fault would have been replaced.
    expect(await db.one(sessionNumber, {})).toEqual(session);
  });
});
