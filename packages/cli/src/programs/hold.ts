import { createHash } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { withLock } from '../config/files.ts';
import { exitCodes } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import type { Clock } from '../io.ts';

/** The longest path that a socket may have on every system. */
const longestPath = 100;

/** What only one process at a time may do. */
interface Held {
  /** For people: "works for the profile default". */
  readonly what: string;
  /** Different for each thing that is held. */
  readonly key: string;
  /** A file of the program, in whose folder the socket is. */
  readonly path: string;
}

/**
 * Makes this process the only one that does something, until it ends: also by kill -9, after which the system closes the
 * socket that it listens on. A number of a process would be taken again, in a container by the next run at once.
 *
 * @returns what ends it
 * @throws Failure if another process does it
 */
export async function hold(held: Held, clock: Clock): Promise<() => Promise<void>> {
  const address = addressOf(held);
  const server = await withLock(held.path, clock, async () => {
    if (await isHeld(address)) {
      throw new Failure(`Another process ${held.what} already`, {
        code: 'held',
        exitCode: exitCodes.conflict,
        hint: 'End it, or use another profile.',
      });
    }
    if (process.platform !== 'win32') await unlink(address).catch(() => undefined);
    return listen(address);
  });
  return () => new Promise((resolve) => server.close(() => resolve()));
}

function addressOf({ key, path }: Held): string {
  const name = createHash('sha256').update(`${path}\n${key}`).digest('hex').slice(0, 16);
  if (process.platform === 'win32') return `\\\\.\\pipe\\pinchwork-${name}`;
  const near = join(dirname(path), `${name}.sock`);
  return Buffer.byteLength(near) <= longestPath ? near : join(tmpdir(), `pinchwork-${name}.sock`);
}

function isHeld(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(address);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}

function listen(address: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', reject);
    server.listen(address, () => {
      // It must not keep a program that has nothing else to do.
      server.unref();
      resolve(server);
    });
  });
}
