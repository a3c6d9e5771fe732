import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFailed, onTestFinished } from 'vitest';
import type { Env } from './process.ts';

/** Runs a script of `examples/` in a separate process, as a user would. */
export class Example {
  /** What it has printed so far. */
  stdout = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<[number | null]>;
  #heard: () => void = () => undefined;

  constructor(script: string, env: Env, args: readonly string[] = []) {
    const path = fileURLToPath(new URL(`../../../../examples/${script}`, import.meta.url));
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PINCHWORK_'));
    const child = spawn(process.execPath, [path, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...Object.fromEntries(inherited), ...env },
    });
    this.#child = child;
    this.#ended = once(child, 'close') as Promise<[number | null]>;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.stdout += text;
        this.#heard();
      });
    }
    void this.#ended.then(() => this.#heard());
    onTestFailed(() => console.error(`What ${script} said:\n${this.stdout}`));
    onTestFinished(() => void child.kill('SIGKILL'));
  }

  /** Waits until the output matches `pattern` `times` times. @throws Error if the script ends first. */
  async says(pattern: RegExp, times = 1): Promise<void> {
    const all = new RegExp(pattern, 'g');
    while ((this.stdout.match(all) ?? []).length < times) {
      if (this.#child.exitCode !== null) throw new Error(`It ended without saying ${pattern.source}`);
      await new Promise<void>((resolve) => (this.#heard = resolve));
    }
  }

  /** Ends it as Ctrl-C does. */
  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  /** Waits for its end. @returns the exit code. */
  async ended(): Promise<number | null> {
    const [code] = await this.#ended;
    return code;
  }
}
