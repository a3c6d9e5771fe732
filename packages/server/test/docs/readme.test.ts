import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { pages, withTables } from '../../../../docs/tables.ts';

it.each(pages.map((page) => [page.pathname.split('/').at(-1), page] as const))(
  'the tables of %s say what the code says; else "npm run docs" writes them anew',
  (_, page) => {
    const text = readFileSync(page, 'utf8');
    expect(text).toContain('<!-- table: ');
    expect(withTables(text)).toBe(text);
  },
);

it('a mark in a page that names no table is found', () => {
  expect(() => withTables('<!-- table: nonsense -->\n<!-- end -->')).toThrow('nonsense');
});
