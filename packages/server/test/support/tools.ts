import { execFileSync } from 'node:child_process';

/** Whether a program is missing that a test can do without. The summary names the tests that were not run. */
export function noTool(name: string, args: readonly string[] = ['--version']): boolean {
  try {
    execFileSync(name, args, { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
}
