import { readFileSync } from 'node:fs';
import { limits } from '@pinchwork/sdk';
import { expect, it } from 'vitest';
import { settings } from '../src/config.ts';

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');

it("the README's table of settings is the one in config.ts", () => {
  const rows = Object.entries(settings).map(
    ([name, { default: fallback, meaning }]) =>
      `| PINCHWORK_${name} | ${fallback === '' ? '–' : fallback} | ${meaning} |`,
  );
  expect(/\| Variable .*\n\|---\|---\|---\|\n([\s\S]*?)\n\n/.exec(readme)?.[1]?.split('\n')).toEqual(rows);
});

it('the limits that docs/api.md tells are those of the contract', () => {
  const docs = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');
  const told = ['nameLength', 'goodAtLength', 'needLength', 'contextLength', 'resultLength', 'reasonLength'] as const;
  const more = ['webhookUrlLength', 'webhookSecretLength', 'maxCredits', 'deadlineMinutes', 'timeoutMinutes'] as const;
  for (const name of [...told, ...more]) expect(docs, name).toContain(limits[name].toLocaleString('en-US'));
});
