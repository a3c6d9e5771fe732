import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { otherPrograms } from '../../sdk/test/support/from-npm.ts';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { Folder } from '../../sdk/test/support/project.ts';
import manifest from '../package.json' with { type: 'json' };
import { Machine } from './support/programs.ts';

const run = promisify(execFile);
const { nodeOf } = otherPrograms();
const live = liveMarket();
const build = fileURLToPath(new URL('../build.ts', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));

const project = new Folder();
let tarball: string;
beforeAll(async () => {
  // In a folder of its own: other tests run what is in `dist`.
  const built = join(project.folder, 'built');
  await run(process.execPath, [build, '--publish', '--to', built]);
  const { stdout } = await run('npm', ['pack', '--json', built], { cwd: project.folder });
  tarball = join(project.folder, (JSON.parse(stdout) as [{ filename: string }])[0].filename);
  project.write('package.json', '{ "private": true }');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: project.folder });
});
afterAll(() => project.remove());

describe('the npm package of the command line', () => {
  it('has no fault that publint knows, and nothing in it but the program', async () => {
    const bytes = readFileSync(tarball);
    const { messages } = await publint({
      pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) },
    });
    expect(messages).toEqual([]);
    const files = readdirSync(join(project.folder, 'node_modules/pinchwork')).sort();
    expect(files).toEqual(['LICENSE', 'README.md', 'package.json', 'pinchwork.mjs']);
    expect(readdirSync(join(project.folder, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
      'pinchwork',
    ]);
  });

  it.for(['20', '24', '26'])('works on Node %s where it is installed', async (major, { skip }) => {
    const node = await nodeOf(major);
    if (typeof node !== 'string') return skip(node.missing);
    const machine = new Machine(node, { PINCHWORK_SERVER: live.url });
    const program = join(project.folder, 'node_modules/.bin/pinchwork');
    expect(await machine.ok(`${program} --version`)).toBe(`pinchwork ${manifest.version}\n`);
    await machine.ok(`${program} register --name packed`);
    expect(await machine.ok(`${program} tasks create Say hello --credits 2 -q`)).toMatch(/^tk-\w{12}\n$/);
    expect(await machine.ok(`cd ${project.folder} && npx --no -- pinchwork tasks mine --jq '.[].need'`)).toBe(
      'Say hello\n',
    );
  });
});

it('npx pinchwork runs the program of the checkout', async () => {
  const { stdout } = await run('npx', ['--no', '--', 'pinchwork', '--version'], { cwd: root });
  expect(stdout).toBe(`pinchwork ${manifest.version}\n`);
});
