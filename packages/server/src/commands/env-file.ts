import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { codeOf, messageOf } from '../ground/unknown-error.ts';

/**
 * Reads the `PINCHWORK_` settings from a file of lines like `PINCHWORK_PORT=8000`. Ignores other names.
 *
 * @returns no settings when there is no such file, or a folder of that name.
 * @throws Error with a message for people, when the file can't be read.
 */
export function readEnvFile(path: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'EISDIR') return {};
    throw new Error(`Can't read the settings in ${resolve(path)}: ${messageOf(error)}`, { cause: error });
  }
  const all = Object.entries(parseEnv(text));
  return Object.fromEntries(
    all.flatMap(([name, value = '']) => (name.startsWith('PINCHWORK_') ? [[name, value] as const] : [])),
  );
}
