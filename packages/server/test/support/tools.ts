import { execFileSync } from 'node:child_process';

/** Whether a program is missing that a test can do without. One that is skipped with a reason is named at the end of the run. */
export function noTool(name: string, args: readonly string[] = ['--version']): boolean {
  try {
    execFileSync(name, args, { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
}
