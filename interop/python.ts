import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { done, expectPaid } from './clients/story.ts';
import { type Result, withMarket } from './market.ts';

/** What comes from Python's registry: installed into a folder of its own, which is kept. */
export const cache = join(import.meta.dirname, '../node_modules/.cache/pinchwork-interop');

/** A program has this long: an installation loads some 100 MB. */
const mostMs = 600_000;

interface Run {
  readonly isOk: boolean;
  readonly output: string;
}

interface Place {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** @param place where the program runs, and its variables besides ours */
export function run(program: string, args: readonly string[], { cwd, env }: Place = {}): Promise<Run> {
  const options = { maxBuffer: 64 * 1024 * 1024, timeout: mostMs, cwd, env: { ...process.env, ...env } };
  return new Promise((resolve) => {
    execFile(program, [...args], options, (error, stdout, stderr) => {
      resolve({ isOk: error === null, output: stdout + stderr });
    });
  });
}

export const hasPython = async (): Promise<boolean> => (await run('python3', ['-m', 'venv', '--help'])).isOk;

/**
 * Installs packages, each with its version, unless they are there.
 *
 * @returns the folder of the programs.
 * @throws Error with what the installation has written.
 */
export async function install(packages: readonly string[]): Promise<string> {
  const folder = join(cache, packages.join('+'));
  const programs = join(folder, 'bin');
  if (existsSync(join(folder, 'complete'))) return programs;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const steps: [string, string[]][] = [
    ['python3', ['-m', 'venv', folder]],
    [join(programs, 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...packages]],
  ];
  for (const [program, args] of steps) {
    const { isOk, output } = await run(program, args);
    if (!isOk) throw new Error(`Could not install ${packages.join(', ')}:\n${output}`);
  }
  mkdirSync(join(folder, 'complete'));
  return programs;
}

/** Plays the story by a Python program. @param script its name in `clients` */
export async function playInPython(script: string, packages: readonly string[]): Promise<Result> {
  const programs = await install(packages);
  return withMarket(async (market) => {
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const args = [join(import.meta.dirname, 'clients', script), new URL('/mcp', market.url).href, poster, worker];
    const { isOk, output } = await run(join(programs, 'python'), args);
    if (!isOk) return { isOk, summary: 'the program failed', output };
    await expectPaid(market, worker);
    return done;
  });
}
