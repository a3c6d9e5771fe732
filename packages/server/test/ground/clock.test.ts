import { expect, it } from 'vitest';
import { secondMs, wireTime } from '../../src/ground/clock.ts';

const dayMs = 24 * 60 * 60 * secondMs;
const newYear = Date.UTC(2026, 0, 1);

it('writes a time to the second, whatever day was written before', () => {
  const times = [
    0,
    1,
    newYear - 1,
    newYear,
    newYear + 1,
    newYear + dayMs - 1,
    newYear + dayMs,
    Date.UTC(2028, 1, 29, 9, 8, 7, 6),
  ];
  for (const atMs of [...times, ...times.toReversed(), -1, -dayMs - 1]) {
    expect(wireTime(atMs)).toBe(`${new Date(atMs).toISOString().slice(0, 19)}+00:00`);
  }
  expect(wireTime(null)).toBeNull();
});
