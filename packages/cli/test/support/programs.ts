import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from '../../../server/test/support/temporary-folder.ts';

/** A program in a process of its own. */
interface Running {
  readonly child: ChildProcess;
  /** Its exit code; undefined if it was killed. */
  readonly ended: Promise<number | undefined>;
  /** What it has printed on both streams so far. */
  said(): string;
  /** What it has printed on stdout so far. */
  printed(): string;
}

/** What ends a program that hangs. */
const longestMs = 150_000;

/** A user with a home folder of its own, whose Node is a certain one. */
export class Machine {
  readonly home = temporaryFolder('machine');
  readonly env: Record<string, string>;

  constructor(node: string, env: Record<string, string> = {}) {
    const bin = join(this.home, 'node-bin');
    mkdirSync(bin);
    symlinkSync(node, join(bin, 'node'));
    const path = [join(this.home, '.local/bin'), bin, process.env.PATH ?? ''].join(delimiter);
    this.env = { HOME: this.home, PATH: path, TERM: 'xterm', ...env };
  }

  /** Starts a line of the shell. */
  start(line: string, stdin: 'pipe' | 'ignore' = 'ignore'): Running {
    const child = spawn('sh', ['-c', `exec ${line}`], {
      cwd: this.home,
      env: this.env,
      stdio: [stdin, 'pipe', 'pipe'],
    });
    const texts = { said: '', printed: '' };
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      texts.said += text;
      texts.printed += text;
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (texts.said += text));
    const timer = setTimeout(() => child.kill('SIGKILL'), longestMs);
    const ended = new Promise<number | undefined>((resolve) => {
      child.once('close', (code) => {
        clearTimeout(timer);
        resolve(code ?? undefined);
      });
    });
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    return { child, ended, said: () => texts.said, printed: () => texts.printed };
  }

  /** Runs lines of the shell to their end. @returns what they printed on stdout. @throws Error if they fail */
  async ok(lines: string): Promise<string> {
    const running = this.start(`sh -c '${lines.replaceAll("'", String.raw`'\''`)}'`);
    const code = await running.ended;
    if (code !== 0) throw new Error(`${lines} ended with ${code}: ${running.said()}`);
    return running.printed();
  }
}
