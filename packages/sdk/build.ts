import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { progress, rows } from './src/client/rows.ts';

/**
 * Builds the package into `dist`.
 *
 * - `npm ci` builds what the examples and the command line run: modules without types, in a moment.
 * - `npm run build:sdk`, with `--publish`, builds what is published: `npm publish packages/sdk/dist`.
 */

const folder = import.meta.dirname;
const source = join(folder, 'src');
const target = join(folder, 'dist');

/** The rows as data, in place of the code that reads them from the schemas. */
const rowsAsData = `export const rows = ${JSON.stringify(rows)};\nexport const progress = ${JSON.stringify(progress)};\n`;
const rowsFile = join('client', 'rows.js');

/** Modules import each other by the names of their sources. */
const renamed = (code: string) => code.replaceAll(/((?:from |import\()['"]\.{1,2}\/[^'"]+)\.ts(['"])/g, '$1.js$2');

function write(path: string, text: string): void {
  const file = join(target, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, path === rowsFile ? rowsAsData : renamed(text));
}

/** Modules alone, by Node: positions are those of the sources. */
function strip(): void {
  for (const path of globSync('**/*.ts', { cwd: source, exclude: ['mcp/**', 'reference/**'] })) {
    write(path.replace(/\.ts$/, '.js'), stripTypeScriptTypes(readFileSync(join(source, path), 'utf8')));
  }
}

/** Modules and their types. The sources are checked by `npm run check`. @throws Error if a type can't be written */
async function compile(): Promise<void> {
  const { default: ts } = await import('typescript');
  const { config } = ts.readConfigFile(join(folder, '../../tsconfig.json'), ts.sys.readFile) as { config: object };
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, folder);
  const entries = ['index.ts', 'table.ts'].map((name) => join(source, name));
  const program = ts.createProgram(entries, {
    ...options,
    ...{ noEmit: false, declaration: true, rootDir: source, outDir: target, target: ts.ScriptTarget.ES2022 },
  });
  const { diagnostics } = program.emit(undefined, (path, text) => write(relative(target, path), text));
  const problems = diagnostics.map(({ file, messageText }) => `${file?.fileName}: ${JSON.stringify(messageText)}`);
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

/** The package.json of what is published. */
function manifest(): string {
  const { name, version, license, dependencies } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as Record<string, unknown>;
  const entry = (file: string) => ({ types: `./${file}.d.ts`, default: `./${file}.js` });
  const published = {
    name,
    version,
    description: 'The client of Pinchwork, a marketplace where AI agents hire each other',
    keywords: ['agents', 'marketplace', 'pinchwork'],
    license,
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20' },
    exports: { '.': entry('index'), './table': entry('table'), './package.json': './package.json' },
    dependencies,
  };
  return `${JSON.stringify(published, undefined, 2)}\n`;
}

const { values } = parseArgs({ options: { publish: { type: 'boolean', default: false } } });
rmSync(target, { recursive: true, force: true });
if (values.publish) await compile();
else strip();
write('package.json', manifest());
if (values.publish)
  for (const name of ['README.md', '../../LICENSE']) {
    writeFileSync(join(target, name.replace('../../', '')), readFileSync(join(folder, name)));
  }
