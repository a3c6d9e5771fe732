import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll } from 'vitest';
import type { Io } from '../../src/io.ts';
import { run } from '../../src/run.ts';

/** What a command line printed, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  readonly env?: Record<string, string>;
  readonly stdin?: string | Uint8Array;
  /** What arrives on stdin, as it arrives. */
  readonly chunks?: AsyncIterable<Uint8Array>;
  /** Called with each write to stdout. */
  readonly onOutput?: (text: string) => void;
  /** What the user types where the program asks. */
  readonly typed?: readonly string[];
  /** The width of the terminal; without: no terminal. */
  readonly columns?: number;
  readonly signal?: AbortSignal;
  readonly secondSignal?: () => AbortSignal;
  readonly nowMs?: number;
  readonly fetch?: typeof fetch;
  readonly clock?: Io['clock'];
}

/** A user with a home folder, who runs command lines in the tests' own process. */
export class Shell {
  readonly home = mkdtempSync(join(tmpdir(), 'pinchwork-home-'));
  readonly configPath = join(this.home, '.config/pinchwork/config.yaml');
  readonly env: Record<string, string>;

  constructor(env: Record<string, string> = {}) {
    this.env = env;
  }

  async run(argv: readonly string[], around: Surroundings = {}): Promise<Ran> {
    const printed = { out: '', err: '' };
    const typed = [...(around.typed ?? [])];
    const stream = (name: 'out' | 'err') => ({
      write: async (text: string) => {
        printed[name] += text;
        if (name === 'out') around.onOutput?.(text);
      },
      isTerminal: around.columns !== undefined,
      columns: around.columns,
    });
    const io: Io = {
      stdin: {
        readAll: async () => Buffer.from(around.stdin ?? ''),
        chunks: () => around.chunks ?? Readable.from([Buffer.from(around.stdin ?? '')]),
        askHidden: async () => typed.shift() ?? '',
        isTerminal: around.typed !== undefined,
      },
      stdout: stream('out'),
      stderr: stream('err'),
      env: { ...this.env, ...around.env },
      cwd: this.home,
      home: this.home,
      clock: around.clock ?? {
        now: () => around.nowMs ?? Date.now(),
        after: (delayMs, wake) => {
          const timer = setTimeout(wake, delayMs);
          return () => clearTimeout(timer);
        },
      },
      signal: around.signal ?? new AbortController().signal,
      secondSignal: around.secondSignal,
      fetch: around.fetch,
    };
    const code = await run(argv, io);
    return { code, ...printed };
  }

  /** Runs a command line that must succeed, given as one text. @returns what it printed */
  async ok(line: string, around: Surroundings = {}): Promise<string> {
    const { code, out, err } = await this.run(wordsOf(line), around);
    if (code !== 0) throw new Error(`pinchwork ${line} ended with ${code}: ${err}`);
    return out;
  }

  /** Runs a command line that must succeed. @returns its reply */
  async json<T = Record<string, unknown>>(line: string, around: Surroundings = {}): Promise<T> {
    return JSON.parse(await this.ok(`${line} -o json`, around)) as T;
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** The words of a command line, as a shell splits it: quotes keep spaces. */
export const wordsOf = (line: string): string[] =>
  (line.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? []).map((word) => word.replaceAll(/["']/g, ''));

/** A shell for the tests of a file, with its own home folder, which is removed at the end. */
export function shell(env: Record<string, string> = {}): Shell {
  const own = new Shell(env);
  afterAll(() => own.remove());
  return own;
}
