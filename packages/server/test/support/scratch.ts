import { accessSync, constants, mkdtempSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const inMemory = '/dev/shm';
const enoughBytes = 2 * 1024 ** 3;

/**
 * Makes a folder for databases of tests: in memory where there is room, so that no commit waits for a disk. A process
 * that is killed loses nothing that it had written there, as on a disk.
 */
export function scratchFolder(name: string): string {
  return mkdtempSync(join(hasRoom() ? inMemory : tmpdir(), `pinchwork-${name}-`));
}

function hasRoom(): boolean {
  try {
    accessSync(inMemory, constants.W_OK);
    const { bavail, bsize } = statfsSync(inMemory);
    return bavail * bsize >= enoughBytes;
  } catch {
    return false;
  }
}
