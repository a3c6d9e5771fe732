import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Result } from './market.ts';

/** The Technology Compatibility Kits of A2A. They are on no registry: variables name their checkouts. */
export const kits = [
  { version: '1.0', variable: 'A2A_TCK', branch: '1.0-dev' },
  { version: '0.3', variable: 'A2A_TCK_03', branch: '0.3.x' },
] as const;
type Kit = (typeof kits)[number];

const root = join(import.meta.dirname, '..');

/** The commit of a kit's checkout. */
export function kitCommit({ variable, branch }: Kit): string {
  const folder = process.env[variable];
  if (folder === undefined) return branch;
  try {
    return `${branch}, ${execFileSync('git', ['-C', folder, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()}`;
  } catch {
    return branch;
  }
}

/** Runs the test that runs a kit and compares what fails with the baseline. Without a checkout it says so. */
export function runKit({ version, variable, branch }: Kit): Promise<Result> {
  if (process.env[variable] === undefined) {
    const summary = `not run: set ${variable} to a checkout of a2aproject/a2a-tck, branch ${branch}`;
    return Promise.resolve({ isOk: true, summary, output: '' });
  }
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', '--project', 'long', 'doors/a2a/tck', '-t', `${version} fails in`];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const output = stdout + stderr;
      const summary = /A2A kit: .*$/m.exec(output)?.[0] ?? error?.message ?? '';
      resolve({ isOk: error === null, summary, output });
    });
  });
}
