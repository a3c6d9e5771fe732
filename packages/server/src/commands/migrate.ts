import { systemClock } from '../ground/clock.ts';
import { readConfig } from '../ground/config.ts';
import { migrate } from '../storage/migrate.ts';
import { openDatabase } from '../storage/open.ts';
import { version } from '../ground/version.ts';
import type { Invocation } from './command.ts';

/**
 * `pinchwork-server migrate`: updates the schema without starting the server. `start` does the same before it serves.
 */
export default async function migrateCommand({ env }: Invocation): Promise<undefined> {
  const { config } = readConfig(env);
  const database = await openDatabase(config.databaseUrl, { clock: systemClock, onError: () => undefined });
  try {
    await migrate(database, version);
    console.log(`The schema of ${database.location} is up to date for Pinchwork ${version}.`);
  } finally {
    await database.close();
  }
}
