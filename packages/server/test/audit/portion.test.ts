import { expect, it } from 'vitest';
import { Portion } from '../../src/audit/portion.ts';

/** The sizes of ranges whose slowest statements take these times. */
function sizesOf(slowest: readonly number[]): number[] {
  const portion = new Portion();
  return [...slowest, 0].map((ms) => {
    const size = portion.next();
    for (const each of [1, ms, 1]) portion.noteStatement(each);
    return size;
  });
}

it('the audit checks fewer subjects at once after a slow statement, and more again after fast ones', () => {
  expect(sizesOf([10, 200, 201, 100, 5, 5, 5])).toEqual([500, 500, 500, 125, 125, 250, 500, 500]);
  expect(sizesOf([900, 900, 900, 900, 900, 900])).toEqual([500, 125, 31, 7, 1, 1, 1]);
});
