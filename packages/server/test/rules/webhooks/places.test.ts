import { expect, it } from 'vitest';
import { type Place, Places } from '../../../src/rules/webhooks/places.ts';

const fill = (places: Places, failing: 0 | 1): Place[] =>
  Array.from({ length: places.room(failing) }, () => places.take(failing));

it('256 slow endpoints move aside, and another one for each that ends', () => {
  let heard = 0;
  const places = new Places(() => heard++);
  const aside: Place[] = [];
  for (let round = 1; round <= 4; round++) {
    const crowd = fill(places, 0);
    expect(crowd).toHaveLength(64);
    for (const place of crowd) places.slow(place);
    aside.push(...crowd);
  }
  const others = fill(places, 0);
  for (const place of others) places.slow(place);
  expect(places.room(0)).toBe(0);
  heard = 0;
  for (const place of aside.splice(0, 3)) places.leave(place);
  expect(places.room(0)).toBe(3);
  expect(heard).toBe(3);
  for (const place of [...aside, ...others]) places.leave(place);
  expect(places.room(0)).toBe(64);
});

it('endpoints known to fail have half of the places, and stay in them', () => {
  const places = new Places(() => undefined);
  const bad = fill(places, 1);
  expect(bad).toHaveLength(32);
  for (const place of bad) places.slow(place);
  expect(places.room(1)).toBe(0);
  expect(places.room(0)).toBe(32);
  for (const place of bad) places.leave(place);
  expect(places.room(1)).toBe(32);
  const sound = fill(places, 0);
  expect(places.room(1)).toBe(0);
  places.slow(sound[0]!);
  expect(places.room(1)).toBe(1);
});
