import { execFile } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll } from 'vitest';
import { Folder } from './project.ts';

const run = promisify(execFile);

/** The path of a program, or why there is none. */
type Found = string | { readonly missing: string };

/** Programs that this checkout does not bring along, for the tests of a file. Each is installed once. */
export function otherPrograms() {
  const folders: Folder[] = [];
  const found = new Map<string, Promise<Found>>();
  afterAll(() => folders.forEach((each) => each.remove()));

  async function install(name: string, version: string): Promise<Found> {
    const tools = new Folder();
    folders.push(tools);
    tools.write('package.json', '{ "private": true }');
    try {
      const words = ['install', '--prefer-offline', '--no-audit', '--no-fund', `${name}@${version}`];
      await run('npm', words, { cwd: tools.folder, timeout: 150_000 });
      const path = join(tools.folder, 'node_modules/.bin', name);
      await run(path, ['--version']);
      return path;
    } catch (error) {
      return { missing: `npm brings no ${name}@${version} that runs here: ${String(error).split('\n')[0]}` };
    }
  }

  async function findNode(major: string): Promise<Found> {
    const places = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'));
    for (const path of [process.execPath, ...places]) {
      const said = await run(path, ['--version']).catch(() => undefined);
      if (said?.stdout.startsWith(`v${major}.`) === true) return path;
    }
    return install('node', major);
  }

  function once(name: string, version: string, find: () => Promise<Found>): Promise<Found> {
    const key = `${name}@${version}`;
    const known = found.get(key) ?? find();
    found.set(key, known);
    return known;
  }

  return {
    /** A program that npm has. */
    fromNpm: (name: string, version: string) => once(name, version, () => install(name, version)),
    /** Node of a major version: this one, one of this machine, or npm's. */
    nodeOf: (major: string) => once('node', major, () => findNode(major)),
  };
}
