import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../server/test/support/temporary-folder.ts';
import { cacheFolder } from '../src/start/cache.ts';
import { partsOf } from '../src/start/parts.ts';

describe.skipIf(process.platform === 'win32')('what Node has compiled', () => {
  it('is kept in a folder of the home folder that is for its user alone', () => {
    const home = temporaryFolder('home');
    const folder = cacheFolder(home);
    expect(folder).toBe(join(home, '.cache/pinchwork'));
    expect(statSync(folder!).mode & 0o777).toBe(0o700);
    expect(cacheFolder(home)).toBe(folder);
  });

  it.each(['', '.cache', '.cache/pinchwork'])('is not kept where others may write to the folder "%s"', (name) => {
    const home = temporaryFolder('home');
    mkdirSync(join(home, '.cache/pinchwork'), { recursive: true });
    chmodSync(join(home, name), 0o777);
    expect(cacheFolder(home)).toBeUndefined();
  });

  it.skipIf(process.getuid?.() !== 0)('is not kept in the home folder of another user, who could change it', () => {
    const home = temporaryFolder('home');
    chownSync(home, 65_534, 65_534);
    expect(cacheFolder(home)).toBeUndefined();
  });

  it('is not kept where there can be no such folder, and nothing fails', () => {
    const home = temporaryFolder('home');
    writeFileSync(join(home, '.cache'), 'a file');
    expect(cacheFolder(home)).toBeUndefined();
    expect(cacheFolder(join(home, 'missing'))).toBeUndefined();
  });
});

it('the parts of the program run once each, when they are asked for', () => {
  const load = partsOf(import.meta.filename, {
    './main.js': `exports.ran = []; exports.lazy = () => require('./lazy.js'); exports.path = require('node:path');`,
    './lazy.js': `const main = require('./main.js'); main.ran.push('lazy');`,
  });
  const main = load('./main.js') as { ran: string[]; lazy: () => unknown; path: { join: unknown } };
  expect([main.ran, main.path.join]).toEqual([[], join]);
  expect(main.lazy()).toBe(main.lazy());
  expect(main.ran).toEqual(['lazy']);
});
