import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import BetterSqlite, { type Database as Connection } from 'better-sqlite3';
import { copyLive } from './live-copy.ts';

/**
 * Copies a data file as it is at one moment, also while a server writes to it. It uses one reading transaction, which
 * does not block writers. The copy is one file without a log, readable by its owner only, and is on disk when this
 * returns.
 *
 * Uses `vacuum into` and not the online backup API, which starts again whenever another process has written,
 * and so never ends on a busy market. The log of a busy market grows as long as it takes; `liveCopy` avoids that.
 *
 * @param to must not exist.
 */
export function snapshot(from: string, to: string): void {
  const source = openReadOnly(from);
  try {
    // SQLite treats an empty file as a new one. Creating it here sets its permissions before it has any data.
    closeSync(openSync(to, 'wx', 0o600));
    source.prepare('vacuum into ?').run(to);
    sync(to);
  } catch (error) {
    // A full disk leaves a journal beside the copy.
    for (const end of ['', '-journal']) rmSync(to + end, { force: true });
    throw error;
  } finally {
    source.close();
  }
}

/**
 * Writes a checked copy of a data file to `file`, also while a server writes to it. Must run in a process of its own
 * (`liveCopy`).
 *
 * @returns the copy's size in bytes.
 * @throws Error with a message for people, when `file` exists or the data can't be read.
 */
export async function backUp(dataFile: string, file: string): Promise<number> {
  const target = resolve(file);
  if (!existsSync(dataFile)) throw new Error(`There is no data file ${resolve(dataFile)} (PINCHWORK_DATABASE_URL).`);
  if (existsSync(target)) throw new Error(`${target} already exists, and a backup does not overwrite files.`);
  const partial = `${target}.partial-${process.pid}`;
  try {
    closeSync(openSync(partial, 'wx', 0o600));
    if (!(await copyLive(dataFile, partial))) {
      rmSync(partial);
      snapshot(dataFile, partial);
    }
    checkFile(partial);
    // A link, unlike a rename, never replaces a file, also not one created in the meantime.
    linkSync(partial, target);
    sync(dirname(target));
    return statSync(target).size;
  } catch (error) {
    throw new Error(`No backup was made: ${sentence(error)}`, { cause: error });
  } finally {
    rmSync(partial, { force: true });
  }
}

/** @throws Error with a message for people, when a file is not a Pinchwork database or is damaged. */
export function checkFile(file: string): void {
  const connection = openReadOnly(file);
  try {
    const damage = connection.pragma('integrity_check(1)', { simple: true });
    if (damage !== 'ok') throw new Error(`${file} is damaged: ${String(damage)}`);
    const tables = connection.prepare<[], string>("select name from sqlite_schema where type = 'table'").pluck().all();
    if (!['meta', 'kysely_migration', 'agents'].every((name) => tables.includes(name))) {
      throw new Error(`${file} holds no market`);
    }
    // The rows of this pragma, as SQLite documents them.
    const orphans = connection.pragma('foreign_key_check') as { table: string; parent: string }[];
    const [orphan] = orphans;
    if (orphan !== undefined) {
      throw new Error(`${file} is damaged: ${orphan.table} refers to ${orphan.parent} that do not exist`);
    }
  } catch (error) {
    if (!(error instanceof BetterSqlite.SqliteError)) throw error;
    throw new Error(`${file} can't be read as a database: ${error.message}`, { cause: error });
  } finally {
    connection.close();
  }
}

export function openReadOnly(file: string): Connection {
  try {
    return new BetterSqlite(file, { readonly: true, fileMustExist: true });
  } catch (error) {
    throw new Error(`Can't open ${resolve(file)}: ${sentence(error)}`, { cause: error });
  }
}

/** Flushes a file, or a folder's list of names, to disk. */
export function sync(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

export const sentence = (error: unknown) => (error instanceof Error ? error.message : String(error));
