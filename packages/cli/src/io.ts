/** The parts of the world that a command sees. Tests give their own. */

export interface Clock {
  /** Milliseconds since 1970 in UTC. */
  now(): number;
  /** Calls `wake` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, wake: () => void): () => void;
}

export interface OutputStream {
  /** Resolves when more may be written. @throws OutputClosed if nobody reads any more */
  write(text: string): Promise<void>;
  readonly isTerminal: boolean;
  /** The width of the terminal in columns; undefined where it is none. */
  readonly columns: number | undefined;
}

export interface InputStream {
  /** Reads everything until the end. */
  readAll(): Promise<Uint8Array>;
  /** What arrives, as it arrives, until the end. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Asks for a line, of which nothing is shown as it is typed; empty with Ctrl-D. Only at a terminal. */
  askHidden(question: string): Promise<string>;
  readonly isTerminal: boolean;
}

export interface Io {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that relative paths begin in. */
  readonly cwd: string;
  /** The user's home folder. */
  readonly home: string;
  readonly clock: Clock;
  /** Aborted by Ctrl-C, by SIGTERM, and where the terminal is closed. */
  readonly signal: AbortSignal;
  /** Aborted by a second Ctrl-C, which ends the process at once where nobody asks for this. */
  readonly secondSignal?: (() => AbortSignal) | undefined;
  readonly fetch?: typeof fetch | undefined;
}

/** Nobody reads the output any more: `pinchwork … | head`. The program ends without a word. */
export class OutputClosed extends Error {}
