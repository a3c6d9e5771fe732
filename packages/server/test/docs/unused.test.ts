import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { judgeExports, unusedDependencies } from '../../../../docs/unused.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function judged(files: Record<string, string>, entryPoints: string[] = []): ReturnType<typeof judgeExports> {
  const folder = temporaryFolder('unused');
  const manifest = { 'package.json': '{"type":"module"}' };
  for (const [name, text] of Object.entries({ ...manifest, ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const module = ts.ModuleKind.NodeNext;
  const options: ts.CompilerOptions = { module, allowImportingTsExtensions: true, noLib: true, types: [] };
  const paths = Object.keys(files).map((name) => join(folder, name));
  const program = ts.createProgram(paths, options);
  return judgeExports(
    program,
    entryPoints.map((name) => join(folder, name)),
    folder,
  );
}

const unusedIn = (...args: Parameters<typeof judged>) => judged(...args).unused;

it('an export that only its own file uses is unused, for values and types', () => {
  const files = {
    'a.ts':
      'export const one = 1; export interface Two { x: number } export const three = one; export type Four = Two;',
    'b.ts': "import { three, type Four } from './a.ts'; const four: Four = { x: three }; console.log(four);",
  };
  expect(unusedIn(files)).toEqual(['a.ts: Two', 'a.ts: one']);
});

it('an export counts as used by a namespace, a dynamic import, a shorthand and a renaming import', () => {
  const files = {
    'a.ts': 'export const one = 1; export const two = 2; export const three = 3; export const four = 4;',
    // Reading the standard type library takes seconds. A dynamic import needs only this type of it.
    'promise.d.ts': 'interface Promise<T> { then(done: (value: T) => void): void }',
    'b.ts': [
      "import * as a from './a.ts'; import { two as zwei, three } from './a.ts';",
      "const { four } = await import('./a.ts');",
      'console.log(a.one, zwei, { three }, four); export {};',
    ].join('\n'),
  };
  expect(unusedIn(files)).toEqual([]);
});

it('an export that only tests use is named, unless the rest of its own file uses it or it is in a test', () => {
  const files = {
    'a.ts': 'export const one = 1; export const two = 2; export const three = 3; console.log(two);',
    'b.ts': "import { three } from './a.ts'; console.log(three);",
    'test/support.ts': 'export const four = 4;',
    'test/a.test.ts': [
      "import { one, two, three } from '../a.ts'; import { four } from './support.ts';",
      'console.log(one, two, three, four);',
    ].join('\n'),
  };
  expect(judged(files)).toEqual({ unused: [], onlyTested: ['a.ts: one'] });
});

it('an export of an entry point counts as used', () => {
  const files = { 'a.ts': 'export const one = 1; export const two = 2;', 'b.ts': "export { one } from './a.ts';" };
  expect(unusedIn(files, ['b.ts'])).toEqual(['a.ts: two']);
});

it('a dependency counts as used by a string that names it, by a script, or by the package that it has the types of', () => {
  const manifest = {
    name: 'x',
    scripts: { check: 'prettier --check .' },
    dependencies: { used: '1', 'used-not': '1', '@scope/used': '1', '@types/used': '1', '@types/other': '1' },
    devDependencies: { prettier: '3' },
  };
  expect(unusedDependencies(manifest, ["import 'used/part.js'", 'resolve("@scope/used")'])).toEqual([
    'used-not',
    '@types/other',
  ]);
});
