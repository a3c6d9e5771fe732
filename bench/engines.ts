import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { createDatabase, startPostgres } from '../packages/server/test/support/postgres.ts';
import type { Cleanup } from './cleanup.ts';
import type { EngineName } from './options.ts';

export interface Engine {
  /** With version and what makes a commit durable. */
  readonly title: string;
  /** The script of its floor. */
  readonly floor: string;
  /** What to write beside the title, for people who compare runs. */
  readonly floorTitle: string;
  /** A database of its own for each child: a value for `PINCHWORK_DATABASE_URL`. */
  freshUrl(): Promise<string>;
}

const floorScript = (name: string) => join(import.meta.dirname, 'floor', name);

/** @param folder where SQLite's files go. */
export async function openEngine(name: EngineName, folder: string, cleanup: Cleanup): Promise<Engine> {
  return name === 'sqlite' ? sqlite(folder) : postgres(cleanup);
}

function sqlite(folder: string): Engine {
  const connection = new BetterSqlite(':memory:');
  const version = connection.prepare<[], string>('select sqlite_version()').pluck().get();
  connection.close();
  let files = 0;
  return {
    title: `SQLite ${version}, WAL, synchronous=FULL`,
    floor: floorScript('sqlite.ts'),
    floorTitle: 'better-sqlite3, synchronous hand-written SQL, group commit',
    freshUrl: async () => join(folder, `${++files}.db`),
  };
}

/** A PostgreSQL of the run's own, with the settings that it comes with: each commit waits for the disk. */
async function postgres(cleanup: Cleanup): Promise<Engine> {
  const starting = startPostgres({ durable: true });
  // Before it is there: a signal may come while it starts. If it does not start, there is nothing to stop.
  cleanup.add(() => starting.then((server) => server.stop()).catch(() => undefined));
  const server = await starting;
  const client = new pg.Client(server.adminUrl);
  await client.connect();
  const { rows } = await client.query<{ server_version: string }>('show server_version');
  await client.end();
  return {
    title: `PostgreSQL ${rows[0]!.server_version}, fsync and synchronous_commit on`,
    floor: floorScript('postgres.ts'),
    floorTitle: 'pg, hand-written SQL, named statements, one transaction a request',
    freshUrl: () => createDatabase(server.adminUrl),
  };
}
