import { tmpdir } from 'node:os';
import type { Env, Exit } from './process.ts';
import { ServerProcess, mainFile } from './process.ts';

interface Outcome extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `pinchwork-server` with these arguments until it exits, as an operator does. */
export async function runCommand(words: readonly string[], env: Env = {}): Promise<Outcome> {
  const child = new ServerProcess(env, { command: process.execPath, args: [mainFile, ...words], cwd: tmpdir() });
  const exit = await child.ended;
  // One sentence for people, not a stack.
  if (/\n\s+at /.test(child.stderr)) throw new Error(`A stack was printed:\n${child.stderr}`);
  return { ...exit, stdout: child.stdout, stderr: child.stderr };
}
