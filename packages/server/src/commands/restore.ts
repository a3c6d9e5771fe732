import { readConfig } from '../ground/config.ts';
import { isPostgresUrl } from '../storage/open.ts';
import { version } from '../ground/version.ts';
import type { Call } from './command.ts';

/** `pinchwork-server restore FILE`: a backup in the place of the embedded database. */
export default async function restoreCommand({ env, args: [file], options }: Call): Promise<undefined> {
  const { config } = readConfig(env);
  if (isPostgresUrl(config.databaseUrl)) {
    throw new Error(
      `The market is on PostgreSQL, which has a tool of its own for this. Into an empty database:\n  pg_restore --no-owner --exit-on-error --dbname="$PINCHWORK_DATABASE_URL" ${file!}`,
    );
  }
  const { restore } = await import('../backup/sqlite-restore.ts');
  const force = options.force === true;
  const { path, keptAs, checked } = await restore(file!, config.databaseUrl, {
    force,
    programVersion: version,
    now: new Date(),
  });
  console.log(`Restored ${path}: ${checked.agents!} agents, ${checked.tasks!} tasks, the books in order.`);
  if (keptAs !== undefined) console.log(`What was there before is ${keptAs}.`);
}
