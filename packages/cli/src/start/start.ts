import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parts } from 'pinchwork:parts';
import { version } from '../version.ts';
import { cacheFolder } from './cache.ts';
import { partsOf } from './parts.ts';

/**
 * The beginning of the one file: answers `--version`, and loads the rest with what Node has compiled of it before.
 * Node 20 compiles it each time.
 */

const words = process.argv.slice(2);
if (words.length === 1 && words[0] === '--version') {
  // A reader that has gone is no error of ours.
  process.stdout.on('error', () => undefined);
  process.stdout.write(`pinchwork ${version}\n`);
} else {
  const { enableCompileCache } = nodeModule as Partial<typeof nodeModule>;
  const folder = enableCompileCache === undefined ? undefined : cacheFolder(homedir());
  if (folder !== undefined) enableCompileCache?.(folder);
  partsOf(fileURLToPath(import.meta.url), parts)('./main.js');
}
