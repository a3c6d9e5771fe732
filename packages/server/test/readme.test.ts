import { readFileSync } from 'node:fs';
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
