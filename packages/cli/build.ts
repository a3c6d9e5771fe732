import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type OutputChunk, type Plugin, rolldown } from 'rolldown';

/**
 * Bundles the program into one file, `dist/pinchwork.mjs`, which needs nothing but Node 20 or newer. `npm ci` does so.
 * With `--publish` it writes besides what `npm publish packages/cli/dist` publishes. `--to FOLDER` takes the place of `dist`.
 */

const folder = import.meta.dirname;
const { values: given } = parseArgs({ options: { publish: { type: 'boolean' }, to: { type: 'string' } } });
const target = given.to ?? join(folder, 'dist');

const noValidator = `export { default as process } from 'node:process'; export class DefaultJsonSchemaValidator {}`;

/** A module that is written here. */
const virtual = (id: string, code: string): Plugin => ({
  name: id,
  resolveId: (asked) => (asked === id ? `\0${id}` : undefined),
  load: (asked) => (asked === `\0${id}` ? code : undefined),
});

/** Bundles an entry, without anything that a reader of the file needs. */
async function bundled(entry: string, format: 'cjs' | 'esm', plugin: Plugin): Promise<OutputChunk[]> {
  const build = await rolldown({
    input: join(folder, 'src', entry),
    platform: 'node',
    external: /^node:/,
    plugins: [plugin],
  });
  const { output } = await build.generate({
    format,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    minify: true,
    comments: { legal: false },
  });
  await build.close();
  return output.filter((each) => each.type === 'chunk');
}

/** Code without characters that would make Node keep all of it in two bytes a character. */
const ascii = (code: string): string =>
  code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * What is imported lazily is a part of its own. The one file has the parts as texts: a run compiles those that it uses,
 * and Node can keep what it has compiled.
 */
async function bundle(): Promise<void> {
  // MCP's library brings two validators of JSON Schema, for what servers ask their clients: ours asks nothing.
  const chunks = await bundled('main.ts', 'cjs', virtual('@modelcontextprotocol/server/_shims', noValidator));
  const parts = Object.fromEntries(chunks.map(({ fileName, code }) => [`./${fileName}`, ascii(code)]));
  const source = `export const parts = ${JSON.stringify(parts)};`;
  const [file] = await bundled('start/start.ts', 'esm', virtual('pinchwork:parts', source));
  if (file === undefined) throw new Error('There is no program');
  writeFileSync(join(target, 'pinchwork.mjs'), `#!/usr/bin/env node\n${file.code}`, { mode: 0o755 });
}

/** The package.json of what is published. */
function manifest(): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  const published = {
    name,
    version,
    description: 'The command line of Pinchwork, a marketplace where AI agents hire each other',
    keywords: ['agents', 'marketplace', 'pinchwork', 'cli'],
    license,
    type: 'module',
    bin: { pinchwork: 'pinchwork.mjs' },
    engines: { node: '>=20' },
  };
  return `${JSON.stringify(published, undefined, 2)}\n`;
}

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
await bundle();
if (given.publish === true) {
  writeFileSync(join(target, 'package.json'), manifest());
  writeFileSync(join(target, 'README.md'), readFileSync(join(folder, 'README.md')));
  writeFileSync(join(target, 'LICENSE'), readFileSync(join(folder, '../../LICENSE')));
}
