import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Cleanup } from './cleanup.ts';

/** How long a child may take to listen, and to end when it is told to. */
const startTimeoutMs = 20_000;
const stopTimeoutMs = 12_000;

export interface Child {
  /** Where it listens, as it said itself. */
  readonly url: URL;
  /** From the spawn until it said that it listens. */
  readonly startMs: number;
  /** Its resident memory in bytes. */
  memory(): number;
  /** Processor time that it has taken so far, all threads, in milliseconds; undefined where there is no /proc. */
  cpuMs(): number | undefined;
  /** What it wrote to stderr. */
  complaints(): string;
  /** Ends it and waits until it has gone. */
  stop(): Promise<void>;
}

interface ChildOptions {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Options for Node itself. */
  readonly nodeOptions?: readonly string[];
}

/**
 * Starts a server in a process of its own and waits until it prints `listens on <url>`.
 *
 * @throws Error with what it wrote to stderr when it ends before that.
 */
export async function startChild({ script, env, nodeOptions = [] }: ChildOptions, cleanup: Cleanup): Promise<Child> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...nodeOptions, script], {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let complaints = '';
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // A last resort that works without the loop; ordinarily `stop` has done it by then.
  const killNow = () => child.kill('SIGKILL');
  process.once('exit', killNow);
  const stop = cleanup.add(async () => {
    child.kill('SIGTERM');
    const cut = setTimeout(killNow, stopTimeoutMs);
    await gone;
    clearTimeout(cut);
    process.off('exit', killNow);
  });
  child.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + String(chunk)).slice(-10_000)));

  const url = await new Promise<URL>((resolve, reject) => {
    const tooLate = setTimeout(
      () => reject(new Error(`${script} did not listen in time:\n${complaints}`)),
      startTimeoutMs,
    );
    child.stdout.on('data', (chunk: Buffer) => {
      if (said.length < 10_000) said += String(chunk);
      const match = /listens on (http:[^\s"]+).*\n/.exec(said);
      if (match === null) return;
      clearTimeout(tooLate);
      resolve(new URL(match[1]!));
    });
    child.once('error', reject);
    void gone.then(() => {
      clearTimeout(tooLate);
      reject(new Error(`${script} ended before it listened:\n${complaints}`));
    });
  });
  const startMs = performance.now() - startedAt;
  return {
    url,
    startMs,
    memory: () => residentBytes(child.pid!),
    cpuMs: () => cpuMs(child.pid!),
    complaints: () => complaints,
    stop,
  };
}

/** The environment without what would configure the child in ways that this run does not know of. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const foreign = (name: string) => name.startsWith('PINCHWORK_') || name.startsWith('PG') || name === 'NODE_OPTIONS';
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign(name)));
}

function residentBytes(pid: number): number {
  const kibibytes =
    process.platform === 'linux'
      ? /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      : execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  return Number(kibibytes) * 1024;
}

/** The unit of the times in `/proc`: the kernel's interface fixes it at 100 a second. */
const tickMs = 10;

function cpuMs(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // Another system, or the process has just gone: whoever waits for its replies hears of that.
    return undefined;
  }
  // The second field is the program's name and may hold anything; the numbers follow its closing bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [fields[11], fields[12]];
  return (Number(user) + Number(system)) * tickMs;
}
