import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exitCodes } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import type { Clock } from '../io.ts';

/** Files with secrets: only their user may read them. Windows keeps them in the user's own folder. */

const fileMode = 0o600;
const folderMode = 0o700;
const lockPauseMs = 20;
const lockTimeoutMs = 10_000;
/** Tells this process from one that had its number before. */
const processId = randomBytes(6).toString('hex');

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
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
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
}

/**
 * Does `work` while no other process does so for the same path. The lock is a file beside it with the number of its
 * process: that of a process that has died is removed.
 *
 * @throws Failure if another process keeps it for ten seconds
 */
export async function withLock<T>(path: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  await mkdir(dirname(path), { recursive: true, mode: folderMode });
  const endsAt = clock.now() + lockTimeoutMs;
  const holder = `${process.pid} ${processId}-${randomBytes(6).toString('hex')}`;
  while (!(await tryLock(lock, holder))) {
    await removeDead(lock);
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
    return await work();
  } finally {
    await unlink(lock);
  }
}

/** Makes the lock with its content at once: nobody sees it empty. */
async function tryLock(lock: string, holder: string): Promise<boolean> {
  const own = `${lock}.${holder.split(' ')[1]}`;
  const file = await open(own, 'wx', fileMode);
  await file.writeFile(holder);
  await file.close();
  try {
    await link(own, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(own);
  }
}

async function removeDead(lock: string): Promise<void> {
  const holder = await readText(lock);
  if (holder === undefined || isHeld(holder)) return;
  // Renamed first: between the look at it and its removal another process may have taken the lock.
  const aside = `${lock}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(lock, aside);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  const removed = await readText(aside);
  if (removed !== holder) await link(aside, lock).catch(() => undefined);
  await unlink(aside);
}

function isHeld(holder: string): boolean {
  const [pid, id = ''] = holder.split(' ');
  // In a container the next process often has the number of the one that died.
  if (Number(pid) === process.pid) return id.startsWith(`${processId}-`);
  return isAlive(Number(pid));
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
