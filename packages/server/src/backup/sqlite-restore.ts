import { chownSync, existsSync, linkSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { migrate, type steps } from '../storage/migrate.ts';
import { openSqlite } from '../storage/sqlite/sqlite.ts';
import { locate, lock } from '../storage/sqlite/file.ts';
import { checkBooksOf } from './books.ts';
import { checkFile, sentence, snapshot, sync } from './sqlite-snapshot.ts';

interface Restored {
  /** The data file. */
  readonly path: string;
  /** The path to which the previous data was moved. Undefined: there was none. */
  readonly keptAs: string | undefined;
  /** How many rows of each kind the audit checked. */
  readonly checked: Readonly<Record<string, number>>;
}

/** The program version to update the schema for, and the schema steps that it knows; arguments of `migrate`. */
interface Program {
  readonly programVersion: string;
  readonly known?: typeof steps | undefined;
}

/**
 * Replaces a data file with a backup. The backup is first copied beside the data file, updated to this program's schema
 * and audited there, so that a bad backup changes nothing. Then the copy is renamed to the data file.
 *
 * @param force renames existing data and keeps it beside the restored file, instead of refusing.
 * @throws Error with a message for people. Nothing has changed then.
 */
export async function restore(
  file: string,
  dataFile: string,
  { force, now, ...program }: { force: boolean; now: Date } & Program,
): Promise<Restored> {
  if (!existsSync(file)) throw new Error(`There is no file ${file}.`);
  const isNew = !existsSync(dataFile);
  const path = locate(dataFile);
  const release = lock(path);
  const copy = `${path}.restoring`;
  if (resolve(file) === resolve(copy)) {
    release();
    throw new Error(`${file} is the leftover of an interrupted restore; rename it first.`);
  }
  let done = false;
  try {
    const holdsData = ['', '-wal'].some((end) => sizeOf(path + end) > 0);
    if (holdsData && !force) {
      throw new Error(`${path} already holds data. With --force that data is renamed, and the backup takes its place.`);
    }
    forget(copy);
    checkFile(file);
    snapshot(file, copy);
    const checked = await bringUpToDate(copy, file, program);
    if (!isNew) takeOwner(copy, path);
    sync(copy);
    const keptAs = holdsData ? putAside(path, now) : undefined;
    renameSync(copy, path);
    sync(dirname(path));
    done = true;
    return { path, keptAs, checked };
  } catch (error) {
    throw new Error(`Nothing was restored: ${sentence(error)}`, { cause: error });
  } finally {
    forget(copy);
    release();
    if (isNew && !done) forget(path);
  }
}

async function bringUpToDate(
  copy: string,
  file: string,
  { programVersion, known }: Program,
): Promise<Restored['checked']> {
  const database = openSqlite({ path: copy, goesOnHere: true });
  try {
    await migrate(database, programVersion, known);
  } finally {
    // Closing moves the contents of the log into the file.
    await database.close();
  }
  return checkBooksOf(copy, file);
}

/** Keeps the owner of the data file, which is the server's user, also when another user runs the restore. */
function takeOwner(copy: string, path: string): void {
  const [mine, theirs] = [statSync(copy), statSync(path)];
  if (mine.uid !== theirs.uid || mine.gid !== theirs.gid) chownSync(copy, theirs.uid, theirs.gid);
}

/**
 * Gives the old data a second name with the time in it. The new file then replaces the first name, so that a data file
 * exists at every moment. @returns the second name.
 */
function putAside(path: string, now: Date): string {
  const kept = `${path}.before-${now.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  if (existsSync(kept)) throw new Error(`${kept} already exists`);
  emptyLog(path);
  // A log that could not be emptied is renamed before its data, because the new file must never be opened with it.
  for (const end of ['-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, kept + end);
  linkSync(path, kept);
  return kept;
}

/** Moves the log that a killed server has left into the data file, unless the file is damaged. */
function emptyLog(path: string): void {
  try {
    const connection = new BetterSqlite(path, { fileMustExist: true });
    try {
      connection.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      connection.close();
    }
  } catch {
    // Damage is ignored, because it may be the reason for the restore.
  }
}

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Removes a data file and the files that SQLite and this program keep beside it. */
function forget(path: string): void {
  for (const end of ['', '-wal', '-shm', '-lock', '-journal']) rmSync(path + end, { force: true });
}
