import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openShares } from '../../src/rules/limits/shares.ts';

it('docs/security.md has a row for each share, in the order of the code', () => {
  const text = readFileSync(new URL('../../../../docs/security.md', import.meta.url), 'utf8');
  const [, shares = ''] = text.split(/^## Shares$/m);
  const rows = [...shares.split(/^## /m)[0]!.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(rows).toEqual(Object.keys(openShares()));
});
