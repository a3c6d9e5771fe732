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

/** Code that is compiled already halves the time of a start, and these tests make a hundred of them. */
const compileCache = fileURLToPath(new URL('../../../../node_modules/.cache/pinchwork-tests', import.meta.url));

/** Children of which something lives, to be killed also where a test run ends without its hooks. */
const living = new Set<ChildProcess>();
process.once('exit', () => living.forEach(killGroup));

/** What to run in place of `node src/main.ts`, to start the server the way somebody else does. */
interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
}

/** Away from the checkout, where somebody may keep settings in a file `.env`. */
const plainly: Launch = { command: process.execPath, args: [mainFile], cwd: tmpdir() };

/**
 * A real server in a process of its own, as an operator runs it. It dies with the test that started it, and may die
 * before.
 */
export class ServerProcess {
  /** What it has printed so far. */
  stdout = '';
  stderr = '';
  /** The address that it prints once it accepts requests; rejected with its output if it ends before that. */
  readonly listening: Promise<string>;
  /** When it is gone and all its output has been read. */
  readonly ended: Promise<Exit>;
  readonly #child: ChildProcess;

  /** Starts it on a free port, with no setting of whoever runs the tests. */
  constructor(env: Env, { command, args, cwd }: Launch = plainly) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PINCHWORK_'));
    const child = spawn(command, args, {
      cwd,
      // A group of its own, so that what it starts itself ends with it.
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
        // The line that follows shows that this one is whole.
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
    // A test may look at only one of the two.
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

  /** Reads no more of what it prints. */
  stopReading(): void {
    this.#child.stdout!.pause();
  }

  /** Reads on. */
  readOn(): void {
    this.#child.stdout!.resume();
  }

  /** Goes away from its standard output, as a reader that has ended. */
  leaveOutput(): void {
    this.#child.stdout!.destroy();
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Ends it as a power cut would, without a chance to say goodbye. */
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
    // It ended at this very moment.
  }
}

/** Starts a server on a database and waits until it listens. */
export async function startServer(databaseUrl: string, env: Env = {}): Promise<{ server: ServerProcess; url: string }> {
  const server = new ServerProcess({ PINCHWORK_DATABASE_URL: databaseUrl, ...env });
  return { server, url: await server.listening };
}
