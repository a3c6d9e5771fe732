import { closeSync, existsSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import BetterSqlite, { type Database as Connection } from 'better-sqlite3';

/** The embedded database's file: where it is, whose it is, how it is opened. Each refusal is a sentence for people. */

/** Older releases can corrupt a database in WAL mode when a checkpoint races a reset. */
const oldestSqlite = '3.51.3';
/** How long the writer waits, blocking the loop, when somebody else's tool has locked the file. */
const busyMs = 200;
/** What the log beside the file may keep of the disk. */
const logBytes = 32 * 1024 * 1024;

/** The data file's real path; makes the file, and its folder, when they are not there. */
export function locate(path: string): string {
  const full = resolve(path);
  try {
    makeFolder(dirname(full));
    if (existsSync(full) && statSync(full).isDirectory()) throw new Error('it is a folder');
    // For its owner alone, as SQLite then makes the files beside it too: webhook secrets stand in it as they are.
    closeSync(openSync(full, 'a', 0o600));
    return realpathSync(full);
  } catch (error) {
    throw unusable(full, error);
  }
}

/** One level at a time: Node's own way never ends in a file system that knows no new folders, such as /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

/**
 * Holds the data file for this process, by SQLite's own lock on an empty file beside it: the system drops it with the
 * process, however that ends. The data file itself can't be locked whole, since the reader needs it too.
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
    connection.pragma('cache_size = -65536');
    // What a savepoint would need for going back, a page for each that is changed: on disk it takes a sixth of the time.
    connection.pragma('temp_store = MEMORY');
    // 16 MB of log: pages that change with every commit are copied into the file a quarter as often.
    connection.pragma('wal_autocheckpoint = 4000');
    // Somebody else who reads for long (a backup) makes it grow beyond that: once it is copied, it is cut to this again.
    connection.pragma(`journal_size_limit = ${logBytes}`);
    return connection;
  } catch (error) {
    connection?.close();
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error);
  return new Error(`Can't use ${path} as the data file (PINCHWORK_DATABASE_URL): ${reason}`, { cause: error });
}
