import { expect, it } from 'vitest';
import { remembered } from '../../src/ground/remembered.ts';
import { ManualClock } from '../support/clock.ts';

const open = (most?: number) => {
  const clock = new ManualClock();
  const asked: string[] = [];
  const read = remembered(clock, { freshMs: 100, ...(most === undefined ? {} : { most }) }, (name) => {
    asked.push(name);
    return name === 'bad' ? Promise.reject(new Error(name)) : Promise.resolve(`${name}${asked.length}`);
  });
  return { clock, asked, read };
};

it('serves simultaneous and later calls with one reading, until it is old or the clock is set back', async () => {
  const { clock, read } = open();
  expect(await Promise.all([read(), read()])).toEqual(['1', '1']);
  clock.advance(99);
  expect(await read()).toBe('1');
  clock.advance(1);
  expect(await read()).toBe('2');
  clock.advance(-1);
  expect(await read()).toBe('3');
});

it('remembers the names that were read last, and no reading that failed', async () => {
  const { asked, read } = open(2);
  for (const name of ['a', 'b', 'a', 'c', 'b', 'a']) await read(name);
  expect(asked).toEqual(['a', 'b', 'c', 'a']);
  await expect(read('bad')).rejects.toThrow('bad');
  await expect(read('bad')).rejects.toThrow('bad');
  expect(asked.slice(4)).toEqual(['bad', 'bad']);
});
