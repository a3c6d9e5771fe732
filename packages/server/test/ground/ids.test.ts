import { isId } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import type { Clock } from '../../src/ground/clock.ts';
import { createIds } from '../../src/ground/ids.ts';

const at = (now: () => number): Clock => ({ now, after: () => () => undefined });

const ascending = (ids: readonly string[]) => ids.every((id, i) => i === 0 || ids[i - 1]! < id);

it('ids of one generator ascend and never repeat, within a millisecond and over time', () => {
  let ms = 1_700_000_000_000;
  const newId = createIds(at(() => ms));
  const ids: string[] = [];
  for (let i = 0; i < 20_000; i++) {
    if (i % 50 === 0) ms++;
    ids.push(newId('task'));
  }
  expect(ids.every((id) => isId('task', id))).toBe(true);
  expect(ascending(ids)).toBe(true);
});

it('ids also ascend when the clock steps back, and when the numbers of a millisecond are used up', () => {
  let ms = 1_700_000_000_000;
  // Always draws the largest number, so that the first id uses up the millisecond.
  const newId = createIds(
    at(() => ms),
    (below) => below - 1,
  );
  const ids = [newId('agent')];
  ms -= 60_000;
  for (let i = 0; i < 5_000; i++) ids.push(newId('agent'));
  ms += 120_000;
  for (let i = 0; i < 5_000; i++) ids.push(newId('agent'));
  expect(ids.every((id) => isId('agent', id))).toBe(true);
  expect(ascending(ids)).toBe(true);
});

it('an id begins with its millisecond in base 62, so that ids of several nodes sort by time', () => {
  const newId = (ms: number) => createIds(at(() => ms))('task');
  expect(newId(0)).toMatch(/^tk-0000000/);
  expect(newId(61)).toMatch(/^tk-000000z/);
  expect(newId(62 ** 7 - 1)).toMatch(/^tk-zzzzzzz/);
  expect(newId(1_700_000_000_000) < newId(1_700_000_000_001)).toBe(true);
});

it('two generators of the same millisecond draw different ids', () => {
  const drawn = Array.from({ length: 1_000 }, () => createIds(at(() => 5))('task'));
  expect(new Set(drawn).size).toBeGreaterThan(990);
});
