import { foldTag } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import { wordsOf } from '../../../src/rules/matching/words.ts';
import { fold } from '../../../src/rules/search/fold.ts';

/** Marks in an order that every normal form changes. */
const marks = (count: number) => '\u0315'.repeat(count) + '\u0316'.repeat(count);
const inOrder = (count: number) => '\u0316'.repeat(count) + '\u0315'.repeat(count);

it('folding sorts as many marks as a script can have', () => {
  expect(fold(`A${marks(15)}`)).toBe(`a${inOrder(15)}`);
});

it('folding leaves only runs of too many marks unchanged', () => {
  expect(fold(`CAFE\u0301 x${marks(25_000)} ZOE\u0308`)).toBe(`caf\u00e9 x${marks(25_000)} zo\u00eb`);
});

it.each(['Café', 'CAFE\u0301', 'Ελλάς', 'ΕΛΛΑΣ', 'İstanbul', 'straße', 'ﬁ', '데이터'])(
  'a tag folds as a text: %s',
  (text) => {
    expect(foldTag(text)).toBe(fold(text));
  },
);

it('words next to such a run are found', () => {
  expect(wordsOf(`CAFE\u0301 x${marks(25_000)} ＺＯＥ\u0308`, 10)).toEqual(['caf\u00e9', 'zo\u00eb']);
});
