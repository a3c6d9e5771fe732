import type { Reader } from '../../src/storage/database.ts';

/** A job that returns its input, or fails, or ends its thread. */
export default async function echo(_: Reader, input: { fail?: boolean; die?: boolean }): Promise<unknown> {
  if (input.fail === true) throw new Error('As it was told');
  if (input.die === true) process.exit(1);
  return input;
}
