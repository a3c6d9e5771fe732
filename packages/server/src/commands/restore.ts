import { readConfig } from '../ground/config.ts';
import { at } from '../ground/present.ts';
import { isPostgresUrl } from '../storage/open.ts';
import { version } from '../ground/version.ts';
import type { Invocation } from './command.ts';

/** `pinchwork-server restore FILE`: replaces the embedded database with a backup. */
export default async function restoreCommand({ env, args, options }: Invocation): Promise<undefined> {
  const file = at(args, 0);
  const { config } = readConfig(env);
  if (isPostgresUrl(config.databaseUrl)) {
    throw new Error(
      `The market is on PostgreSQL. Use its own tool, on an empty database:\n  pg_restore --no-owner --exit-on-error --dbname="$PINCHWORK_DATABASE_URL" ${file}`,
    );
  }
  const { restore } = await import('../backup/sqlite-restore.ts');
  const force = options.force === true;
  const { path, keptAs, checked } = await restore(file, config.databaseUrl, {
    force,
    programVersion: version,
    now: new Date(),
  });
  const { agents = 0, tasks = 0 } = checked;
  console.log(`Restored ${path}: ${agents} agents, ${tasks} tasks, and the books are in order.`);
  if (keptAs !== undefined) console.log(`The previous data is now ${keptAs}.`);
}
