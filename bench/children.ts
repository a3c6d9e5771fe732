import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Cleanup } from './cleanup.ts';

/** How long a child may take to start listening, and to end after the signal. */
const startTimeoutMs = 60_000;
const stopTimeoutMs = 12_000;

export interface Child {
  /** The URL that it printed when it started to listen. */
  readonly url: URL;
  /** The time from the spawn until it printed that it listens. */
  readonly startMs: number;
  /** Its resident memory in bytes. */
  memory(): number;
  /** CPU time of all its threads so far, in milliseconds; undefined on systems without /proc. */
  cpuMs(): number | undefined;
  /** Its output on stderr. */
  complaints(): string;
  /** Ends it and waits until it has gone. */
  stop(): Promise<void>;
}

interface ChildOptions {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Options for Node itself. */
  readonly nodeOptions?: readonly string[];
  /** How many files it may open. Default: as many as this process. */
  readonly openFiles?: number | undefined;
}

/**
 * Starts a server in a child process and waits until it prints `listens on <url>`.
 *
 * @throws Error with its stderr output when it ends before that.
 */
export async function startChild(
  { script, env, nodeOptions = [], openFiles }: ChildOptions,
  cleanup: Cleanup,
): Promise<Child> {
  const startedAt = performance.now();
  const command = [process.execPath, ...nodeOptions, script];
  const limited =
    openFiles === undefined ? command : ['sh', '-c', `ulimit -n ${openFiles}; exec "$0" "$@"`, ...command];
  const child = spawn(limited[0]!, limited.slice(1), {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let complaints = '';
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // A last resort that works without the event loop; normally `stop` has ended it by then.
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

/** The environment without variables that would configure the child. */
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

/** The unit of the times in `/proc`: always 100 ticks a second. */
const tickMs = 10;

/** The processor time of a process and of all children that it has had, in milliseconds. */
export function familyCpuMs(pid: number): number | undefined {
  const own = cpuMs(pid, { withEnded: true });
  if (own === undefined) return undefined;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ');
  return children.reduce((sum, child) => sum + (cpuMs(Number(child)) ?? 0), own);
}

/** @param withEnded whether to add the times of its children that have ended. */
function cpuMs(pid: number, { withEnded = false } = {}): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // A system without /proc, or the process has just ended; its clients then see the error.
    return undefined;
  }
  // The second field is the program's name, which may contain spaces and brackets; the numbers follow its last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Its own times in user and system mode, then those of its ended children.
  const times = fields.slice(11, withEnded ? 15 : 13);
  return times.reduce((sum, ticks) => sum + Number(ticks) * tickMs, 0);
}
