import { stat } from 'node:fs/promises';
import { codeOf } from '../../ground/unknown-error.ts';

/** How often the files are checked. */
const everyMs = 1_000;

/**
 * Checks whether the data file and its log are still the files that were opened. SQLite keeps writing to a file that
 * has been deleted or replaced, and those writes are lost when the process ends.
 */
export class Presence {
  /** Why writes are refused. Undefined when the files are in place. */
  problem: string | undefined;
  readonly #path: string;
  readonly #timer: NodeJS.Timeout;
  readonly #first = new Map<string, string>();

  constructor(path: string) {
    this.#path = path;
    void this.#look();
    this.#timer = setInterval(() => void this.#look(), everyMs);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const problems = await Promise.all(['', '-wal'].map((end) => this.#compare(this.#path + end)));
    this.problem = problems.find((each) => each !== undefined);
  }

  async #compare(file: string): Promise<string | undefined> {
    const now = await identity(file);
    const first = this.#first.get(file);
    // The identity could not be read, or the log has not been created yet.
    if (now === 'unknown' || (first === undefined && now === 'none')) return undefined;
    if (first === undefined) this.#first.set(file, now);
    if (first === undefined || first === now) return undefined;
    const what = now === 'none' ? 'deleted or moved away' : 'replaced';
    return `The data file was ${what} while the server is using it. Put it back, or restart the server.`;
  }
}

async function identity(file: string): Promise<string> {
  try {
    const { dev, ino } = await stat(file, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '') ? 'none' : 'unknown';
  }
}
