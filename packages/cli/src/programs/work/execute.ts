import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../../io.ts';

/** A command of the user that does one task. */
export interface Job {
  /** For the shell. Nothing of a task is ever in it. */
  readonly line: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
  /** The longest output, in code points. */
  readonly longest: number;
  /** Milliseconds after which it is ended; undefined: when its claim ends. */
  readonly timeoutMs: number | undefined;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Gets each line that it writes to stderr. */
  readonly onLine: (line: string) => void;
  /** Gets its number as soon as it runs. */
  readonly onStart?: ((pid: number) => void) | undefined;
}

/** What came of it. */
type Outcome =
  | { readonly type: 'done'; readonly text: string }
  | { readonly type: 'too long' }
  | { readonly type: 'failed'; readonly reason: string };

/** How long a process group may take to end when it is asked to, before it is killed. */
const politeMs = 2_000;
/** How long children that it leaves behind may hold its output open. */
const leftOpenMs = 1_000;
/** The longest line of stderr that is passed on. */
const longestLine = 2_000;

/** Runs the command to its end. When it ends, or must end, nothing of its process group stays that holds its output. */
export function execute(job: Job, clock: Clock): Promise<Outcome> {
  const child = spawn(job.line, {
    shell: true,
    cwd: job.cwd,
    env: job.env,
    // A group of its own: Ctrl-C at the terminal does not reach it, and it is ended with all that it has started.
    detached: process.platform !== 'win32',
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const failed = new Promise<Outcome>((resolve) => {
    child.on('error', (error) => resolve({ type: 'failed', reason: `could not be run: ${error.message}` }));
  });
  // Where the system has no files left, it has not even an input.
  if (child.pid === undefined) return failed;
  job.onStart?.(child.pid);
  // It may end without reading its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(job.input);
  const ending = new Ending(child, clock);
  let because: Outcome | undefined;
  const end = (outcome: Outcome) => {
    because ??= outcome;
    ending.begin();
  };
  const out = new Output(job.longest, () => end({ type: 'too long' }));
  child.stdout.on('data', (chunk: Buffer) => out.take(chunk));
  const lines = new Lines(job.onLine);
  child.stderr.setEncoding('utf8').on('data', (text: string) => lines.take(text));
  const { timeoutMs, signal } = job;
  const cancelTimeout =
    timeoutMs === undefined
      ? () => undefined
      : clock.after(timeoutMs, () =>
          end({ type: 'failed', reason: `took longer than ${timeoutMs / 1_000} s and was ended` }),
        );
  const stop = () => end({ type: 'failed', reason: 'was ended' });
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop);
  return new Promise((resolve) => {
    const finish = (outcome: Outcome) => {
      cancelTimeout();
      ending.finish();
      signal.removeEventListener('abort', stop);
      lines.end();
      resolve(outcome);
    };
    child.once('exit', () => ending.leader());
    child.once('close', (code, killedBy) => finish(because ?? outcomeOf({ code, killedBy }, out, lines.last)));
  });
}

function outcomeOf(
  { code, killedBy }: { readonly code: number | null; readonly killedBy: NodeJS.Signals | null },
  out: Output,
  lastLine: string,
): Outcome {
  const said = lastLine === '' ? '' : `: ${lastLine}`;
  if (killedBy !== null) return { type: 'failed', reason: `was killed by ${killedBy}${said}` };
  if (code !== 0) return { type: 'failed', reason: `ended with exit code ${code}${said}` };
  const text = out.text();
  if (text === undefined) return { type: 'failed', reason: 'printed something that is not text in UTF-8' };
  if (text.trim() === '') return { type: 'failed', reason: 'printed nothing' };
  return out.isTooLong(text) ? { type: 'too long' } : { type: 'done', text };
}

/** Ends a process group: asks, then kills, then lets go of what still holds its output. */
class Ending {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  #cancel: () => void = () => undefined;
  #hasBegun = false;

  constructor(child: ChildProcess, clock: Clock) {
    this.#child = child;
    this.#clock = clock;
  }

  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#cancel();
    endGroup(this.#child.pid, 'SIGTERM');
    this.#cancel = this.#clock.after(politeMs, () => {
      endGroup(this.#child.pid, 'SIGKILL');
      this.#child.stdout?.destroy();
      this.#child.stderr?.destroy();
    });
  }

  /** The command itself has ended. Children of it may hold its output open. */
  leader(): void {
    if (!this.#hasBegun) this.#cancel = this.#clock.after(leftOpenMs, () => this.begin());
  }

  finish(): void {
    this.#cancel();
  }
}

/** Ends a process with all its children. */
export function endGroup(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    if (process.platform === 'win32') spawn('taskkill', ['/pid', String(pid), '/t', '/f'], { stdio: 'ignore' });
    else process.kill(-pid, name);
  } catch {
    // It has ended.
  }
}

class Output {
  readonly #chunks: Buffer[] = [];
  readonly #longest: number;
  readonly #tooLong: () => void;
  #bytes = 0;

  constructor(longest: number, tooLong: () => void) {
    this.#longest = longest;
    this.#tooLong = tooLong;
  }

  take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    // A code point has at most four bytes, and a line's end at the end is not counted.
    if (this.#bytes > this.#longest * 4 + 2) this.#tooLong();
    else this.#chunks.push(chunk);
  }

  /** Without the end of its last line; undefined if it is no UTF-8. */
  text(): string | undefined {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(this.#chunks)).replace(/\r?\n$/, '');
    } catch {
      return undefined;
    }
  }

  isTooLong(text: string): boolean {
    return text.length > this.#longest && Array.from(text).length > this.#longest;
  }
}

/** Splits stderr into lines. */
class Lines {
  last = '';
  #rest = '';
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  take(text: string): void {
    const lines = (this.#rest + text).split(/\r?\n/);
    this.#rest = lines.pop() ?? '';
    lines.forEach((line) => this.#give(line));
    if (this.#rest.length <= longestLine) return;
    this.#give(this.#rest);
    this.#rest = '';
  }

  end(): void {
    this.#give(this.#rest);
    this.#rest = '';
  }

  #give(line: string): void {
    if (line.trim() === '') return;
    const shown = line.length > longestLine ? `${line.slice(0, longestLine)}…` : line;
    this.last = shown;
    this.#onLine(shown);
  }
}
