import { expect, it } from 'vitest';
import { Refusals } from '../../../src/rules/limits/refusals.ts';

it('delays the refusals of one holder beyond fifty at once and a hundred a second, by four seconds at most', () => {
  const refusals = new Refusals();
  const delays = Array.from({ length: 1_000 }, () => refusals.delayOf('192.0.2.1', 5_000));
  expect(delays.slice(0, 52)).toEqual([...Array.from({ length: 50 }, () => 0), 10, 20]);
  expect(delays.slice(450)).toEqual(Array.from({ length: 550 }, () => 4_000));
  expect(refusals.delayOf('192.0.2.2', 5_000)).toBe(0);
});

it('answers at once an address that pauses, or is refused less than a hundred times a second', () => {
  const refusals = new Refusals();
  for (let i = 0; i < 200; i++) refusals.delayOf('192.0.2.1', 0);
  expect(refusals.delayOf('192.0.2.1', 1_000)).toBe(510);
  expect(refusals.delayOf('192.0.2.1', 3_000)).toBe(0);
  for (let i = 1; i < 500; i++) expect(refusals.delayOf('192.0.2.2', i * 10)).toBe(0);
});

it('forgets holders whose delay is over', () => {
  const refusals = new Refusals();
  for (let i = 0; i < 1_000; i++) refusals.delayOf(`192.0.2.${i}`, 0);
  expect(refusals.size).toBe(1_000);
  refusals.delayOf('192.0.2.1', 2_000);
  expect(refusals.size).toBe(1);
});
