import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { pages, withTables } from '../../../../docs/tables.ts';

it.each(pages.map((page) => [page.pathname.split('/').at(-1), page] as const))(
  'the generated tables of %s are up to date; "npm run docs" writes them',
  (_, page) => {
    const text = readFileSync(page, 'utf8');
    expect(text).toContain('<!-- table: ');
    expect(withTables(text)).toBe(text);
  },
);

it('a mark in a page that names an unknown table is found', () => {
  expect(() => withTables('<!-- table: nonsense -->\n<!-- end -->')).toThrow('nonsense');
});
