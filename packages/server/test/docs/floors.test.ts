import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cyclesOf, floors, foldersOf, importsOf, serverSource, upwardImports } from '../../../../docs/floors.ts';

const root = join(import.meta.dirname, '../../../..');
const imports = importsOf(serverSource);
const architecture = readFileSync(join(root, 'docs/architecture.md'), 'utf8');

it('every file and folder of the source has a floor', () => {
  expect(readdirSync(serverSource).sort()).toEqual([...floors].sort());
});

it('a file imports only from its own floor and those below it', () => {
  expect(imports.length).toBeGreaterThan(500);
  expect(upwardImports(imports)).toEqual([]);
});

it('the files and folders in a folder do not import each other in a cycle, in the server and in the sdk', () => {
  expect(cyclesOf(foldersOf(imports))).toEqual([]);
  expect(cyclesOf(foldersOf(importsOf(join(root, 'packages/sdk/src'))))).toEqual([]);
});

it('type imports, dynamic imports and modules named by a URL count', () => {
  expect(imports).toContainEqual({ from: 'rules/tasks/wait.ts', to: 'rules/tasks/watch.ts' });
  expect(imports).toContainEqual({ from: 'storage/open.ts', to: 'storage/sqlite/sqlite.ts' });
  expect(imports).toContainEqual({ from: 'rules/board/board.ts', to: 'rules/board/look-up-job.ts' });
});

it('an upward import, and a cycle of folders without a cycle of files, are found', () => {
  const wrong = [
    { from: 'rules/a/one.ts', to: 'rules/b/one.ts' },
    { from: 'rules/b/two.ts', to: 'rules/a/two.ts' },
    { from: 'rules/a/one.ts', to: 'verbs/one.ts' },
    { from: 'attic/one.ts', to: 'rules/a/one.ts' },
  ];
  expect(upwardImports(wrong)).toEqual(['rules/a/one.ts -> verbs/one.ts', 'attic/one.ts -> rules/a/one.ts']);
  expect(cyclesOf(foldersOf(wrong))).toEqual(['rules: b -> a -> b', 'rules: a -> b -> a']);
});

it('docs/architecture.md lists the folders of rules so that each imports only from those below it', () => {
  const order = [...architecture.matchAll(/^\| `rules\/([a-z-]+)\/`/gm)].map(([, name]) => name!);
  const rules = foldersOf(imports).find(({ path }) => path === 'rules')!;
  for (const [name, imported] of rules.children) {
    const below = order.slice(order.indexOf(name) + 1);
    expect(
      [...imported].filter((other) => !below.includes(other)),
      name,
    ).toEqual([]);
  }
});

it('docs/architecture.md names every folder of the source', () => {
  const named = new Set(architecture.match(/(?<=`)[a-z-]+(?:\/[a-z0-9_-]+)*(?=\/`)/g));
  const folders = readdirSync(serverSource, { recursive: true, withFileTypes: true }).filter((e) => e.isDirectory());
  const paths = folders.map((folder) => join(folder.parentPath, folder.name).slice(serverSource.length + 1));
  expect(paths.filter((path) => !named.has(path))).toEqual([]);
  const files = new Set(paths);
  expect([...named].filter((path) => floors.some((floor) => path.startsWith(`${floor}/`)) && !files.has(path))).toEqual(
    [],
  );
});
