import { closeSync, existsSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import BetterSqlite, { type Database as Connection } from 'better-sqlite3';
import { messageOf } from '../../ground/unknown-error.ts';

/**
 * The data file of the embedded database: its path, its lock, its connection. All errors here are messages for people.
 */

/** Older releases can corrupt a database in WAL mode when a checkpoint races with a reset. */
const oldestSqlite = '3.51.3';
/** How long the writer waits, and blocks the event loop, when another program has locked the file. */
const busyMs = 200;
/** The size to which SQLite truncates the write-ahead log, in bytes. */
export const logBytes = 32 * 1024 * 1024;

/**
 * From this number of pages on, 16 MB, a commit copies the log into the data file, so that the next one begins it anew.
 * Pages that change in every commit are copied a quarter as often as with SQLite's default.
 */
export const checkpointPages = 4_000;

/** Returns the real path of the data file. Creates the file and its folder when they do not exist. */
export function locate(path: string): string {
  const full = resolve(path);
  try {
    makeFolder(dirname(full));
    if (existsSync(full) && statSync(full).isDirectory()) throw new Error('it is a folder');
    // Readable by its owner only, because webhook secrets are stored in plain text. SQLite gives the files beside it
    // the same mode.
    closeSync(openSync(full, 'a', 0o600));
    return realpathSync(full);
  } catch (error) {
    throw unusable(full, error);
  }
}

/**
 * Creates one level at a time. Node's recursive `mkdir` never returns on a file system that allows no new folders, such
 * as /proc.
 */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

/**
 * Locks the data file for this process, by SQLite's lock on an empty file beside it. The operating system releases the
 * lock when the process ends, for whatever reason. The data file itself can't be locked, because the reading connection
 * needs it too.
 *
 * @returns a function that releases the lock.
 * @throws Error with a message for people, when another server uses the file.
 */
export function lock(path: string): () => void {
  let file: Connection | undefined;
  try {
    file = new BetterSqlite(`${path}-lock`, { timeout: 0 });
    file.pragma('journal_mode = OFF');
    file.exec('begin exclusive');
    return () => file?.close();
  } catch (error) {
    file?.close();
    if (!(error instanceof BetterSqlite.SqliteError && error.code === 'SQLITE_BUSY')) throw unusable(path, error);
    throw new Error(
      `Another Pinchwork server is using ${path}. Stop it first, or set PINCHWORK_DATABASE_URL to another file.`,
      { cause: error },
    );
  }
}

/** Opens the data file for writing, durably. */
export function connect(path: string): Connection {
  let connection: Connection | undefined;
  try {
    connection = new BetterSqlite(path, { timeout: busyMs });
    // The one row of this statement.
    const { version } = connection.prepare('select sqlite_version() as version').get() as { version: string };
    if (version.localeCompare(oldestSqlite, 'en', { numeric: true }) < 0) {
      throw new Error(`SQLite ${version} is too old, ${oldestSqlite} or newer is needed`);
    }
    if (connection.pragma('journal_mode = WAL', { simple: true }) !== 'wal') {
      throw new Error('this file system does not allow SQLite its write-ahead log');
    }
    connection.exec('begin immediate; rollback');
    connection.pragma('synchronous = FULL');
    connection.pragma('foreign_keys = ON');
    // Overwrites what is deleted, so that removed texts are in no free page of the file.
    connection.pragma('secure_delete = ON');
    connection.pragma('cache_size = -65536');
    // Keeps the old pages of savepoints in memory. On disk they take a sixth of the time.
    connection.pragma('temp_store = MEMORY');
    connection.pragma(`wal_autocheckpoint = ${checkpointPages}`);
    // A long read by another program, such as a backup, makes the log grow beyond that. After the next checkpoint it is
    // truncated to this size.
    connection.pragma(`journal_size_limit = ${logBytes}`);
    return connection;
  } catch (error) {
    connection?.close();
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): Error {
  const reason = messageOf(error);
  return new Error(`Can't use ${path} as the data file (PINCHWORK_DATABASE_URL): ${reason}`, { cause: error });
}
