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
  /** Where the data that was there before is now; undefined: there was none. */
  readonly keptAs: string | undefined;
  /** How much is in it, as the audit counted it. */
  readonly checked: Readonly<Record<string, number>>;
}

/** The program that the data is brought up to date for, and the schema steps that it knows: as `migrate` takes them. */
interface Program {
  readonly programVersion: string;
  readonly known?: typeof steps | undefined;
}

/**
 * Puts a backup in the place of a data file. It is copied beside it, brought to this program's schema and audited there,
 * so that what is wrong with it shows before anything is changed; then the copy takes the data file's name.
 *
 * @param force puts data that is there aside, under another name beside it, instead of refusing.
 * @throws Error with a sentence for people; then everything is as it was.
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
    throw new Error(`${file} is what a restore that did not end has left behind; give it another name first.`);
  }
  let done = false;
  try {
    const holdsData = ['', '-wal'].some((end) => sizeOf(path + end) > 0);
    if (holdsData && !force) {
      throw new Error(`${path} holds data already. With --force it is put aside and the backup takes its place.`);
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
    // Closing empties the log beside the file into it.
    await database.close();
  }
  return checkBooksOf(copy, file);
}

/** The file stays with the user that the server runs as, whoever restores it. */
function takeOwner(copy: string, path: string): void {
  const [mine, theirs] = [statSync(copy), statSync(path)];
  if (mine.uid !== theirs.uid || mine.gid !== theirs.gid) chownSync(copy, theirs.uid, theirs.gid);
}

/**
 * Gives the data a second name, with the time in it; the new file then takes over the first one, so that there is a data
 * file at every moment. @returns the second name.
 */
function putAside(path: string, now: Date): string {
  const kept = `${path}.before-${now.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  if (existsSync(kept)) throw new Error(`${kept} is there already`);
  emptyLog(path);
  // A log that could not be emptied goes with its data, and before it: the new file must never meet it.
  for (const end of ['-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, kept + end);
  linkSync(path, kept);
  return kept;
}

/** What a server that was killed has left in its log goes into the data file, if that is not damaged. */
function emptyLog(path: string): void {
  try {
    const connection = new BetterSqlite(path, { fileMustExist: true });
    try {
      connection.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      connection.close();
    }
  } catch {
    // Whoever restores may well do so because of the damage.
  }
}

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Removes a data file with what SQLite, and we, keep beside it. */
function forget(path: string): void {
  for (const end of ['', '-wal', '-shm', '-lock', '-journal']) rmSync(path + end, { force: true });
}
