import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Bundles the program into one file, `dist/pinchwork.mjs`, which needs nothing but Node 20 or newer. `npm ci` does so.
 * With `--publish` it writes besides what `npm publish packages/cli/dist` publishes.
 */

const folder = import.meta.dirname;
const target = join(folder, 'dist');

const noValidator = `export { default as process } from 'node:process'; export class DefaultJsonSchemaValidator {}`;

/** MCP's library brings two validators of JSON Schema, for what servers ask their clients: ours asks nothing. */
const plugins = [
  {
    name: 'no validator',
    resolveId: (id: string) => (id === '@modelcontextprotocol/server/_shims' ? '\0no-validator' : undefined),
    load: (id: string) => (id === '\0no-validator' ? noValidator : undefined),
  },
];

async function bundle(): Promise<void> {
  const { rolldown } = await import('rolldown');
  const build = await rolldown({ input: join(folder, 'src/main.ts'), platform: 'node', external: /^node:/, plugins });
  await build.write({
    file: join(target, 'pinchwork.mjs'),
    format: 'esm',
    // One file: what is imported lazily is in it too, and runs when it is asked for.
    codeSplitting: false,
    banner: '#!/usr/bin/env node',
    minify: true,
    comments: { legal: false },
  });
  await build.close();
  chmodSync(join(target, 'pinchwork.mjs'), 0o755);
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
mkdirSync(target);
await bundle();
if (process.argv.includes('--publish')) {
  writeFileSync(join(target, 'package.json'), manifest());
  writeFileSync(join(target, 'README.md'), readFileSync(join(folder, 'README.md')));
  writeFileSync(join(target, 'LICENSE'), readFileSync(join(folder, '../../LICENSE')));
}
