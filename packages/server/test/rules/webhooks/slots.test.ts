import { expect, it } from 'vitest';
import { type Slot, Slots } from '../../../src/rules/webhooks/slots.ts';

const fill = (slots: Slots, failing: 0 | 1): Slot[] =>
  Array.from({ length: slots.room(failing) }, () => slots.take(failing));

it('256 slow receivers move aside, and another one for each that ends', () => {
  let heard = 0;
  const slots = new Slots(() => heard++);
  const aside: Slot[] = [];
  for (let round = 1; round <= 4; round++) {
    const crowd = fill(slots, 0);
    expect(crowd).toHaveLength(64);
    for (const slot of crowd) slots.slow(slot);
    aside.push(...crowd);
  }
  const others = fill(slots, 0);
  for (const slot of others) slots.slow(slot);
  expect(slots.room(0)).toBe(0);
  heard = 0;
  for (const slot of aside.splice(0, 3)) slots.leave(slot);
  expect(slots.room(0)).toBe(3);
  expect(heard).toBe(3);
  for (const slot of [...aside, ...others]) slots.leave(slot);
  expect(slots.room(0)).toBe(64);
});

it('receivers known to fail have half of the slots, and stay in them', () => {
  const slots = new Slots(() => undefined);
  const bad = fill(slots, 1);
  expect(bad).toHaveLength(32);
  for (const slot of bad) slots.slow(slot);
  expect(slots.room(1)).toBe(0);
  expect(slots.room(0)).toBe(32);
  for (const slot of bad) slots.leave(slot);
  expect(slots.room(1)).toBe(32);
  const sound = fill(slots, 0);
  expect(slots.room(1)).toBe(0);
  slots.slow(sound[0]!);
  expect(slots.room(1)).toBe(1);
});
