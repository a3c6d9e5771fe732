import { mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Whether a folder is the user's, and nobody else may put anything into it. Windows keeps it in the user's own folder. */
function isOwn(folder: string): boolean {
  if (process.platform === 'win32') return true;
  const { uid, mode } = statSync(folder);
  return uid === process.getuid?.() && (mode & 0o022) === 0;
}

/**
 * The folder for what Node has compiled, made if need be. Node runs what is in it, so it must be out of the reach of
 * others: a root with the home folder of a user has none, for example.
 *
 * @returns undefined where there can be none: the program is slower then
 */
export function cacheFolder(home: string): string | undefined {
  const folder = join(home, '.cache', 'pinchwork');
  try {
    if (!isOwn(home)) return undefined;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return isOwn(dirname(folder)) && isOwn(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}
