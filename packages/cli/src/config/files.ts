import { link, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { exitCodes } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import type { Clock } from '../io.ts';

/** Files with secrets: only their user may read them. Windows keeps them in the user's own folder. */

const fileMode = 0o600;
const folderMode = 0o700;
const lockPauseMs = 20;
const lockTimeoutMs = 20_000;
/** A lock is held for the moment that a file takes to write. One that is older is left from a crash. */
const lockAgeMs = 10_000;
/** Twelve random digits. Not from `node:crypto`, which every command would load: that takes some milliseconds. */
const randomId = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString('hex');

let ownId: string | undefined;
/** Tells this process from one that had its number before. */
const processId = (): string => (ownId ??= randomId());

/** The content of a file; undefined if there is none. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Replaces a file: whoever reads it, also after a crash, finds the old content or the new one, whole. */
export async function writeText(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: folderMode });
  const temporary = `${path}.${randomId()}`;
  try {
    const file = await open(temporary, 'wx', fileMode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}

/** The new name of a file is on the disk only when its folder is. Some systems cannot do this to a folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

/**
 * Does `work` while no other process does so for the same path. The lock is a file beside it with the number of its
 * process. One that a crash has left is removed, and so are its other files.
 *
 * @throws Failure if others keep it for twenty seconds
 */
export async function withLock<T>(path: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  await mkdir(dirname(path), { recursive: true, mode: folderMode });
  const endsAt = clock.now() + lockTimeoutMs;
  const holder = `${process.pid} ${processId()}-${randomId()}`;
  while (!(await tryLock(lock, holder))) {
    if (clock.now() > endsAt) {
      throw new Failure(`Another process holds ${lock}`, {
        code: 'locked',
        exitCode: exitCodes.failed,
        hint: 'If no other pinchwork runs, remove that file.',
      });
    }
    await new Promise<void>((resolve) => void clock.after(lockPauseMs, resolve));
  }
  try {
    // Some folders may be written to and not be read.
    await removeFilesLeft(path).catch(() => undefined);
    return await work();
  } finally {
    // A process that was stopped for long finds the lock of another one there.
    if ((await readText(lock)) === holder) await unlink(lock);
  }
}

/** What comes behind the name of a file in those that are made beside it for a moment. */
const momentary = /^\.([0-9a-f]{12}|lock\.[0-9a-f]{12}-[0-9a-f]{12}(\.left.*)?)$/;

/** Removes what killed processes have left beside a file. Its lock is held, and tells the time of the file system. */
async function removeFilesLeft(path: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)];
  const { mtimeMs: nowMs } = await stat(`${path}.lock`);
  for (const each of await readdir(folder)) {
    if (!each.startsWith(name) || !momentary.test(each.slice(name.length))) continue;
    const left = join(folder, each);
    const { mtimeMs: madeMs = nowMs } = (await stat(left).catch(() => undefined)) ?? {};
    if (nowMs - madeMs > lockAgeMs) await rm(left, { force: true });
  }
}

/** Makes the lock with its content at once: nobody sees it empty. Removes one that a crash has left. */
async function tryLock(lock: string, holder: string): Promise<boolean> {
  const own = `${lock}.${idOf(holder)}`;
  const file = await open(own, 'wx', fileMode);
  await file.writeFile(holder);
  await file.close();
  try {
    await link(own, lock);
    return true;
  } catch (error) {
    // A process that was stopped for long finds its own file removed.
    if (isMissing(error)) return false;
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // The clock of the file system, which may be another machine's, tells how old the lock is.
    await removeLeft(lock, holder, (await stat(own)).mtimeMs);
    return false;
  } finally {
    await rm(own, { force: true });
  }
}

/** Removes a lock that a crash has left. Who removes it has a lock on that: it could be another one by then. */
async function removeLeft(lock: string, holder: string, nowMs: number): Promise<void> {
  const left = await readText(lock);
  const { mtimeMs: madeMs = nowMs } = (await stat(lock).catch(() => undefined)) ?? {};
  if (left === undefined || isHeld(left, nowMs - madeMs)) return;
  const right = `${lock}.${idOf(left)}.left`;
  if (!(await tryLock(right, holder))) return;
  try {
    if ((await readText(lock)) === left) await unlink(lock);
  } finally {
    await unlink(right);
  }
}

/** What tells a lock from all others. A power cut may leave one empty. */
const idOf = (holder: string): string => /^\d+ ([0-9a-z-]+)$/.exec(holder)?.[1] ?? 'none';

function isHeld(holder: string, ageMs: number): boolean {
  const [pid, id = ''] = holder.split(' ');
  if (!(Number(pid) > 0)) return false;
  // In a container the next process often has the number of the one that died.
  if (Number(pid) === process.pid) return id.startsWith(`${processId()}-`);
  // After a restart of the machine another process may have the number.
  return ageMs <= lockAgeMs && isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT';
