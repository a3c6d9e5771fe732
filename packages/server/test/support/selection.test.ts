import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** The test files that a script of the package runs. */
async function selectedBy(name: string): Promise<string[]> {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> };
  const project = /^vitest run --project "?([a-z*]+)"?$/.exec(scripts[name]!)?.[1];
  expect(project, name).toBeDefined();
  const command = ['vitest', 'list', '--filesOnly', '--json', '--project', project!];
  const { stdout } = await promisify(execFile)('npx', command, { cwd: root });
  const files = JSON.parse(stdout) as { file: string }[];
  return files.map(({ file }) => file.slice(root.length));
}

it('npm test and npm run test:long together run every test file', async () => {
  const all = globSync('**/*.test.ts', { cwd: root, exclude: (name) => name === 'node_modules' });
  const [short, long] = [await selectedBy('test'), await selectedBy('test:long')];
  expect([...new Set([...short, ...long])].sort()).toEqual(all.sort());
  expect(all.length).toBeGreaterThan(90);
  expect(long.length).toBeGreaterThan(10);
});
