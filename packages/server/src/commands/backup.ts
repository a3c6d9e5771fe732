import { constants, setPriority } from 'node:os';
import { readConfig } from '../ground/config.ts';
import { at } from '../ground/present.ts';
import { isPostgresUrl } from '../storage/open.ts';
import type { Invocation } from './command.ts';

/** `pinchwork-server backup FILE`: copies the embedded database, as it is at one moment, into one file. */
export default async function backup({ env, args }: Invocation): Promise<undefined> {
  const file = at(args, 0);
  const { config } = readConfig(env);
  if (isPostgresUrl(config.databaseUrl)) {
    throw new Error(
      `The market is on PostgreSQL. Use its own tool:\n  pg_dump --format=custom --file=${file} "$PINCHWORK_DATABASE_URL"`,
    );
  }
  const { backUp } = await import('../backup/sqlite-snapshot.ts');
  beCalm();
  const bytes = await backUp(config.databaseUrl, file);
  console.log(`Saved ${config.databaseUrl} as ${file}, ${(bytes / 2 ** 20).toFixed(1)} MiB, and checked it.`);
}

/** Leaves the processors to the server. */
function beCalm(): void {
  try {
    setPriority(constants.priority.PRIORITY_LOW);
  } catch {
    // A system without priorities.
  }
}
