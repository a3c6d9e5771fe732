import { limits } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import { countFitting, excerpt, fitTexts } from '../../src/ground/page-size.ts';

it('a list keeps its first row, however long it is', () => {
  const long = { text: 'x'.repeat(2 * limits.pageBytes) };
  expect(countFitting([long])).toBe(1);
  expect(countFitting([long, { text: 'y' }])).toBe(1);
  expect(countFitting([{ text: 'y' }, long])).toBe(1);
  expect(countFitting([])).toBe(0);
});

it('a list keeps all rows that fit, as bytes of the longer format', () => {
  const rows = (text: string) => Array.from({ length: 100 }, () => ({ text }));
  expect(countFitting(rows('x'.repeat(2_500)))).toBe(100);
  expect(countFitting(rows('é'.repeat(2_500)))).toBeLessThan(55);
  expect(countFitting(rows('\u0085'.repeat(2_500)))).toBeLessThan(18);
});

it('texts are cut to a common size, the longest first, between characters', () => {
  const rows = [{ id: 'tk-000000000000', text: 'short' }, { text: 'x'.repeat(600) }, { text: '😀'.repeat(400) }];
  const [first, second, third] = fitTexts(rows, 1_000);
  expect(first).toBe(rows[0]);
  expect(second).toEqual({ text: 'x'.repeat(second!.text.length), truncated: true });
  expect(third).toEqual({ text: '😀'.repeat(third!.text.length / 2), truncated: true });
  expect(second!.text.length).toBeGreaterThan(400);
  expect(Buffer.byteLength(JSON.stringify([first, second, third]))).toBeLessThanOrEqual(1_000);
});

it('an acceptance is never cut, because a part of it would mean something else', () => {
  const acceptance = { schema: { title: 'x'.repeat(400) } };
  const rows = Array.from({ length: 10 }, (_, i) => ({
    need: 'y'.repeat(5_000),
    acceptance: i === 0 ? acceptance : null,
  }));
  const cut = fitTexts(rows, 4_000);
  expect(cut[0]!.acceptance).toEqual(acceptance);
  expect(cut.every(({ need, truncated }) => need.length < 400 && truncated === true)).toBe(true);
});

it('texts in lists and objects of a row are cut as its own', () => {
  const row = { texts: ['x'.repeat(4_001)], about: { text: 'y'.repeat(9_000), count: 3, none: null } };
  expect(excerpt(row)).toEqual({
    texts: ['x'.repeat(4_000)],
    about: { text: 'y'.repeat(4_000), count: 3, none: null },
    truncated: true,
  });
});
