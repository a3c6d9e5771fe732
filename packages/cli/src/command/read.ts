import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { exitCodes } from '../exit-codes.ts';
import { Failure, usage } from '../failure.ts';
import type { Io } from '../io.ts';

/** Reads values that are not on the command line itself: `-` is stdin everywhere, and files. */
export class Reader {
  /** The command that shows the help of the present one. */
  readonly help: string;
  readonly #io: Io;
  #hasRead = false;

  constructor(io: Io, help: string) {
    this.#io = io;
    this.help = help;
  }

  /** A text from the command line; `-`: from stdin, without the last line's end. */
  async text(given: string): Promise<string> {
    return given === '-' ? (await this.#stdin()).replace(/\r?\n$/, '') : given;
  }

  /** The content of a file, as it is; `-`: stdin. @throws Failure if it can't be read or is not UTF-8 */
  async file(path: string): Promise<string> {
    if (path === '-') return this.#stdin();
    const bytes = await readFile(resolve(this.#io.cwd, path)).catch((error: unknown) => {
      throw new Failure(`Cannot read ${path}: ${reasonOf(error)}`, { code: 'file', exitCode: exitCodes.usage });
    });
    return decoded(bytes, path);
  }

  async #stdin(): Promise<string> {
    if (this.#hasRead) throw usage('Stdin can be read once, but "-" is there twice', this.help);
    this.#hasRead = true;
    return decoded(await this.#io.stdin.readAll(), 'stdin');
  }
}

function decoded(bytes: Uint8Array, name: string): string {
  try {
    // Bytes that are no text must not become other bytes in silence.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Failure(`${name} is not text in UTF-8`, {
      code: 'not_utf8',
      exitCode: exitCodes.usage,
      hint: 'Results are texts: encode other data, in base64 for example, or say where it can be fetched.',
    });
  }
}

/** What the system says of a file that cannot be used. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of its path is not a folder',
    ENOSPC: 'the disk is full',
    EROFS: 'the file system is read-only',
  };
  return known[code ?? ''] ?? message ?? String(error);
}
