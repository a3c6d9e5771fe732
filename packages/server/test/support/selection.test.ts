import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** The test files that a script of the package runs, each with its project of vitest.config.ts. */
async function selectedBy(name: string): Promise<{ file: string; project: string }[]> {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> };
  const project = /^vitest run --project "?([a-z*]+)"?$/.exec(scripts[name]!)?.[1];
  expect(project, name).toBeDefined();
  const command = ['vitest', 'list', '--filesOnly', '--json', '--project', project!];
  const { stdout } = await promisify(execFile)('npx', command, { cwd: root });
  const files = JSON.parse(stdout) as { file: string; projectName: string }[];
  return files.map(({ file, projectName }) => ({ file: file.slice(root.length), project: projectName }));
}

const [short, long] = [await selectedBy('test'), await selectedBy('test:long')];
const namesOf = (files: readonly { readonly file: string }[]) => files.map(({ file }) => file);

it('npm test and npm run test:long together run every test file', () => {
  const all = globSync('**/*.test.ts', { cwd: root, exclude: (name) => name === 'node_modules' });
  expect([...new Set(namesOf([...short, ...long]))].sort()).toEqual(all.sort());
  expect(all.length).toBeGreaterThan(90);
  expect(long.length).toBeGreaterThan(10);
});

it('npm test runs each of its files once, and npm run test:long those on PostgreSQL that npm test runs on SQLite alone', () => {
  expect(new Set(namesOf(short)).size).toBe(short.length);
  const onSqlite = short.filter(({ project }) =>
    ['short on SQLite', 'short sweeps', 'short on SQLite, plans'].includes(project),
  );
  const needsBoth = namesOf(onSqlite).filter((file) =>
    /import \{[^}]*(onBothEngines|OnPostgres)[^}]*\} from '[^']*engines\.ts'/.test(
      readFileSync(`${root}${file}`, 'utf8'),
    ),
  );
  expect(needsBoth.length).toBeGreaterThan(40);
  expect(namesOf(long)).toEqual(expect.arrayContaining(needsBoth));
});
