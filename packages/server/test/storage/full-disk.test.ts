import { expect, it } from 'vitest';
import { migrate } from '../../src/storage/migrate.ts';
import { openSqlite } from '../../src/storage/sqlite/sqlite.ts';
import { DomainError } from '../../src/ground/errors.ts';
import { version } from '../../src/ground/version.ts';
import { sqlite } from '../support/engines.ts';
import { put, get, valueOf } from '../support/meta-rows.ts';

it('a full disk fails every verb of the batch, reads go on, and writes succeed again when there is space', async () => {
  const url = await sqlite.freshUrl();
  const roomy = openSqlite({ path: url });
  await migrate(roomy, version);
  await roomy.close();
  const [{ page_count: pages }] = (await sqlite.query(url, 'pragma page_count')) as [{ page_count: number }];
  const full = openSqlite({ path: url, maxPages: pages + 20 });
  const write = (key: string, size: number) =>
    full.transact('write', (tx) => tx.run(put, { key, value: 'x'.repeat(size) }));
  await write('fits', 10);
  const batch = await Promise.allSettled([write('small', 10), write('huge', 1_000_000), write('small too', 10)]);
  for (const outcome of batch) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'storage_unavailable' } });
  }
  expect(await valueOf(full, 'fits')).toHaveLength(10);
  expect(await valueOf(full, 'small')).toBeUndefined();
  await write('small', 10);
  expect(await valueOf(full, 'small')).toHaveLength(10);
  await full.close();
});

it('a disk that fills up at any point of a verb leaves none of its changes', async () => {
  const path = await sqlite.freshUrl();
  const roomy = openSqlite({ path });
  await migrate(roomy, version);
  await roomy.transact('fill', async (tx) => {
    for (let i = 0; i < 200; i++) tx.send(put, { key: `filler ${i}`, value: 'x'.repeat(500) });
  });
  await roomy.close();
  const [{ page_count: pages }] = (await sqlite.query(path, 'pragma page_count')) as [{ page_count: number }];
  let refused = 0;
  for (let spare = 0; spare < 12; spare++) {
    const db = openSqlite({ path, maxPages: pages + spare });
    const outcome = await db
      .transact('verb', async (tx) => {
        for (let i = 0; i < 8; i++) {
          // The small one finds room in a page that is there already; the large one needs a new page.
          tx.send(put, { key: `small ${spare} ${i}`, value: 'x' });
          tx.send(put, { key: `large ${spare} ${i}`, value: 'x'.repeat(3_900) });
        }
        await tx.first(get, { key: 'small 0' }).catch(() => undefined);
        tx.send(put, { key: `last ${spare}`, value: 'x' });
      })
      .then(
        () => 'done',
        (error: unknown) => (error as DomainError).code,
      );
    const left = await Promise.all(
      ['small 0', 'small 7', 'last'].map((key) => valueOf(db, key.replace(/^(\w+)/, `$1 ${spare}`))),
    );
    if (outcome === 'storage_unavailable') {
      refused++;
      expect(left).toEqual([undefined, undefined, undefined]);
    }
    await db.close();
  }
  expect(refused).toBeGreaterThan(3);
});
