import { expect, it } from 'vitest';
import type { Signal } from '../../src/storage/database.ts';
import { prepared } from '../../src/storage/prepared.ts';
import { DomainError } from '../../src/ground/errors.ts';
import { sqlite } from '../support/engines.ts';
import { put, get, openFresh, valueOf } from '../support/meta-rows.ts';

const returningPut = prepared('returningPut', (db, p: { key: string; value: string }) =>
  db.insertInto('meta').values({ key: p.key, value: p.value }).returning('key'),
);

it('a verb that awaits something other than its Tx is named and rolled back, and does not block others', async () => {
  const { db } = await openFresh(sqlite);
  let late: Promise<unknown> | undefined;
  const verbs = [
    db.transact('before', (tx) => tx.run(put, { key: 'before', value: 'x' })),
    db.transact('dawdler', async (tx) => {
      await tx.run(put, { key: 'dawdler', value: 'x' });
      await new Promise((resolve) => setTimeout(resolve, 20));
      await (late = tx.run(put, { key: 'late', value: 'x' }));
    }),
    db.transact('after', (tx) => tx.run(put, { key: 'after', value: 'x' })),
    db.transact('dawdler again', () => new Promise(setImmediate)),
    db.transact('last', (tx) => tx.run(put, { key: 'last', value: 'x' })),
  ];
  const outcomes = await Promise.allSettled(verbs);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
  await expect(verbs[1]).rejects.toThrow('The verb "dawdler" awaited something other than its Tx');
  await expect(verbs[3]).rejects.toThrow('The verb "dawdler again"');
  await new Promise((resolve) => setTimeout(resolve, 40));
  await expect(late).rejects.toThrow('The transaction is over');
  expect(await Promise.all(['before', 'dawdler', 'late', 'after', 'last'].map((key) => valueOf(db, key)))).toEqual([
    'x',
    undefined,
    undefined,
    'x',
    'x',
  ]);
});

it('a verb that fails without a change does not make other verbs run again', async () => {
  const { db } = await openFresh(sqlite);
  let runs = 0;
  const counted = (key: string) =>
    db.transact('put', (tx) => {
      runs++;
      return tx.run(put, { key, value: 'x' });
    });
  const refused = () =>
    db.transact('refused', async (tx) => {
      runs++;
      await tx.first(get, { key: 'nothing' });
      throw new DomainError('conflict', 'On purpose');
    });
  const outcomes = await Promise.allSettled([counted('one'), refused(), counted('two'), refused()]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  expect(runs).toBe(4);
  expect(await Promise.all(['one', 'two'].map((key) => valueOf(db, key)))).toEqual(['x', 'x']);
});

it('verbs that run again because another one failed take effect once and wake others once', async () => {
  const { db } = await openFresh(sqlite);
  const heard: Signal[] = [];
  db.signals.subscribe({ changed: (ids) => heard.push(...ids), missed: () => undefined });
  const wakes: string[] = [];
  const good = (key: string) =>
    db.transact('put', async (tx) => {
      tx.signal(key);
      tx.afterCommit(() => wakes.push(key));
      await tx.run(put, { key, value: 'x' });
      return key;
    });
  const bad = (key: string, value: string | null) =>
    db.transact('bad', async (tx) => {
      tx.signal(key);
      tx.afterCommit(() => wakes.push(key));
      tx.send(put, { key, value: 'x' });
      // The statement fails itself where the value is missing; the verb does otherwise.
      await tx.first(returningPut, { key: `${key} too`, value: value! });
      throw new DomainError('conflict', 'On purpose');
    });
  // The first batch is run twice; those after it have savepoints from the start.
  for (const round of ['first', 'second', 'third']) {
    const keys = [1, 2, 3].map((i) => `${round} ${i}`);
    const outcomes = await Promise.allSettled([
      good(keys[0]!),
      bad(`${round} bad`, 'x'),
      good(keys[1]!),
      bad(`${round} broken`, null),
      good(keys[2]!),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'conflict' } });
    expect(await Promise.all(keys.map((key) => valueOf(db, key)))).toEqual(['x', 'x', 'x']);
    for (const key of ['bad', 'bad too', 'broken']) expect(await valueOf(db, `${round} ${key}`)).toBeUndefined();
    expect(wakes.splice(0)).toEqual(keys);
    expect(heard.splice(0)).toEqual(keys);
  }
});

it('a failing verb that is alone in its batch is undone and runs once', async () => {
  const { db } = await openFresh(sqlite);
  let runs = 0;
  const alone = db.transact('bad', async (tx) => {
    runs++;
    await tx.run(put, { key: 'mine', value: 'x' });
    throw new DomainError('conflict', 'On purpose');
  });
  await expect(alone).rejects.toMatchObject({ code: 'conflict' });
  expect(runs).toBe(1);
  expect(await valueOf(db, 'mine')).toBeUndefined();
});
