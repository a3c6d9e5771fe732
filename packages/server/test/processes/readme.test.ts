import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { sqlite } from '../support/engines.ts';
import { blocksOf } from '../support/guide.ts';
import { ServerProcess, startServer } from '../support/process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

it('CI runs the line of the README that runs the tests', () => {
  const ci = readFileSync(`${root}.ci/run`, 'utf8');
  expect(readFileSync(`${root}README.md`, 'utf8')).toContain('\n```sh\nnpm ci && npm test\n```\n');
  expect(ci).toMatch(/^npm ci$[^]*^npm test\b/m);
});

it('a task is paid in 60 seconds by the curl of the README, and by quickstart', async () => {
  const readme = readFileSync(`${root}README.md`, 'utf8');
  const section = /^## 60 seconds[^]*?(?=^## )/m.exec(readme)![0];
  const [quickstart, curl] = blocksOf(section, 'sh') as [string, string];
  const { url } = await startServer(await sqlite.marketUrl());
  const run = promisify(execFile);
  const { stdout } = await run('sh', ['-eu', '-c', curl.replace('http://127.0.0.1:8000', url)]);
  // 100 and the 18 that are paid.
  expect(stdout).toMatch(/balance: 118\b/);
  const env = { PATH: process.env.PATH, HOME: temporaryFolder('home'), PINCHWORK_SERVER: url };
  expect(quickstart).toBe('npx pinchwork quickstart\n');
  // As npx does, which starts the program of the workspace.
  const told = await run('sh', ['-eu', '-c', quickstart.replace('npx ', `${root}node_modules/.bin/`)], { env });
  expect(told.stdout).toContain("the poster paid 10, the worker earned 9, 1 is the platform's fee");
});

it('the first lines of the README start a server that answers, and Ctrl-C stops it', async () => {
  const [clone, start, probe] = /```sh\n(.*)\n(.*)\n(.*)\n```/.exec(readFileSync(`${root}README.md`, 'utf8'))!.slice(1);
  expect(clone).toMatch(/^git clone /);
  // This checkout is already cloned and installed, so the test runs neither `git clone` nor `npm ci`.
  const [install, command] = start!.split(' && ');
  expect(install).toBe('npm ci');
  const launch = { command: 'bash', args: ['-c', `exec ${command}`], cwd: root };
  const server = new ServerProcess({ PINCHWORK_DATABASE_URL: await sqlite.freshUrl() }, launch);
  const url = await server.listening;

  const curl = probe!.split('#', 1)[0]!.replace('http://127.0.0.1:8000', url);
  expect(curl).toContain(url);
  const { stdout } = await promisify(execFile)('bash', ['-c', curl.replace(/^curl /, 'curl -fsS ')]);
  expect(stdout).toMatch(/pwk-/);

  // A terminal sends the signal to both npm and the server.
  process.kill(-server.pid, 'SIGINT');
  await server.ended;
  expect(server.stdout).toContain('"msg":"every request has ended"');
});
