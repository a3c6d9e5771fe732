import { systemClock } from '../ground/clock.ts';
import { readConfig } from '../ground/config.ts';
import { isPostgresAddress } from '../ground/postgres-address.ts';
import { isPostgresUrl } from '../storage/open.ts';
import type { Progress } from '../backup/move.ts';
import { version } from '../ground/version.ts';
import { type Invocation, UsageError } from './command.ts';

/** `pinchwork-server move --to URL`: copies the whole embedded database to PostgreSQL. */
export default async function moveCommand({ env, options }: Invocation): Promise<undefined> {
  const { config } = readConfig(env);
  const { to } = options;
  if (typeof to !== 'string' || !isPostgresAddress(to)) {
    throw new UsageError('--to must be a URL like postgres://user:password@host/name, with %-escapes where needed');
  }
  if (isPostgresUrl(config.databaseUrl)) {
    throw new Error('The market is already on PostgreSQL (PINCHWORK_DATABASE_URL). To move it elsewhere, use pg_dump.');
  }
  const { move } = await import('../backup/move.ts');
  const moved = await move(config.databaseUrl, to, { programVersion: version, onProgress: teller() });
  for (const [table, { rows, checksum }] of Object.entries(moved.tables)) {
    console.log(`${table}: ${rows.toLocaleString('en-US')} rows, checksum ${checksum.slice(0, 16)}`);
  }
  console.log(
    `Moved ${moved.from} to ${moved.to}: the copy was read back and is equal, and the books are in order.\n` +
      `Set PINCHWORK_DATABASE_URL to the new address and start the servers. No server will start on ${moved.from} any more.`,
  );
}

/** Prints the progress to the standard error, at most once a second and at each step. */
function teller(): (progress: Progress) => void {
  const pauseMs = 1_000;
  let told = '';
  let toldAt = 0;
  return ({ what, table, rows, of }) => {
    const now = systemClock.now();
    const step = `${what} ${table ?? 'the books'}`;
    if (step === told && now - toldAt < pauseMs && rows < of) return;
    if (of === 0 && table !== undefined) return;
    console.error(
      table === undefined ? `${step} …` : `${step}: ${rows.toLocaleString('en-US')} of ${of.toLocaleString('en-US')}`,
    );
    told = step;
    toldAt = now;
  };
}
