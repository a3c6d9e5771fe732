import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { onTestFailed, onTestFinished } from 'vitest';
import { adminKey } from './market.ts';
import { unlimited } from './unlimited.ts';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Settings of Pinchwork, by their names in the environment. */
export type Env = Readonly<Record<string, string>>;

export const mainFile = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A compile cache halves the start time; these tests start a hundred servers. */
const compileCache = fileURLToPath(new URL('../../../../node_modules/.cache/pinchwork-tests', import.meta.url));

/** Running child processes, killed on exit even if the hooks of the test run did not run. */
const living = new Set<ChildProcess>();
process.once('exit', () => living.forEach(killGroup));

/** What to run in place of `node src/main.ts`, to start the server in another way. */
interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
}

/** Runs outside the checkout, which may contain a `.env` file. */
const plainly: Launch = { command: process.execPath, args: [mainFile], cwd: tmpdir() };

/**
 * A real server in a process of its own, as an operator runs it. It is killed when its test ends, if it
 * has not ended before.
 */
export class ServerProcess {
  /** What it has printed so far. */
  stdout = '';
  stderr = '';
  /** The address that it prints once it accepts requests; rejected with its output if it ends before that. */
  readonly listening: Promise<string>;
  /** Resolves when it has exited and all its output has been read. */
  readonly ended: Promise<Exit>;
  readonly #child: ChildProcess;

  /** Starts it on a free port, without the Pinchwork settings of the environment. */
  constructor(env: Env, { command, args, cwd }: Launch = plainly) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PINCHWORK_'));
    const child = spawn(command, args, {
      cwd,
      // A process group of its own, so that its children end with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...Object.fromEntries(inherited),
        NODE_COMPILE_CACHE: compileCache,
        PINCHWORK_PORT: '0',
        PINCHWORK_ADMIN_KEY: adminKey,
        ...unlimited,
        ...env,
      },
    });
    this.#child = child;
    living.add(child);
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        living.delete(child);
        resolve({ code, signal });
      });
    });
    this.listening = new Promise((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        this.stdout += text;
        // The next line shows that this one is complete.
        const url = /Pinchwork \S+ listens on ([^\s"]+).*\n/.exec(this.stdout)?.[1];
        if (url !== undefined) resolve(url);
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
      this.ended.then(
        ({ code, signal }) =>
          reject(new Error(`The server ended (${code ?? signal}) before it listened:\n${this.stderr}`)),
        reject,
      );
    });
    // A test may await only one of the two promises.
    this.listening.catch(() => undefined);
    this.ended.catch(() => undefined);
    onTestFailed(() => {
      if (this.stderr !== '') console.error(`What server ${child.pid} said:\n${this.stderr}`);
    });
    onTestFinished(() => this.kill());
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Stops reading its output. */
  stopReading(): void {
    this.#child.stdout!.pause();
  }

  /** Resumes reading its output. */
  readOn(): void {
    this.#child.stdout!.resume();
  }

  /** Closes the reading end of its standard output. */
  leaveOutput(): void {
    this.#child.stdout!.destroy();
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Kills it at once, as a power cut would. */
  async kill(): Promise<void> {
    killGroup(this.#child);
    await this.ended;
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || !living.has(child)) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

/** Starts a server on a database and waits until it listens. */
export async function startServer(databaseUrl: string, env: Env = {}): Promise<{ server: ServerProcess; url: string }> {
  const server = new ServerProcess({ PINCHWORK_DATABASE_URL: databaseUrl, ...env });
  return { server, url: await server.listening };
}
