import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { createDatabase, startPostgres } from '../packages/server/test/support/postgres.ts';
import { familyCpuMs } from './children.ts';
import type { Cleanup } from './cleanup.ts';
import type { EngineName } from './options.ts';
import type { Program } from './sides.ts';

export interface Engine {
  /** The name, with the version and the durability settings. */
  readonly title: string;
  /** The hand-written programs that the server is compared with, each with a short description for the report. */
  readonly floors: readonly (Program & { readonly title: string })[];
  /** The server's targets relative to them. */
  readonly wanted: readonly Wanted[];
  /** Creates a database for one child: a value for `PINCHWORK_DATABASE_URL`. */
  freshUrl(): Promise<string>;
  /** Processor time that a database server of its own has taken so far, in milliseconds. */
  cpuMs?(): number | undefined;
}

/** The fraction of another program's figure that the server should reach, in CPU per lifecycle or in lifecycles/s. */
interface Wanted {
  readonly of: Program['name'];
  readonly by: 'cpu' | 'rate';
  readonly ratio: number;
}

const floorScript = (name: string) => join(import.meta.dirname, 'floor', name);

/** @param folder the folder for SQLite's files. */
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
    floors: [
      {
        name: 'leanest',
        script: floorScript('leanest.ts'),
        title: 'four guarded updates by hand, without history, events, ledger or indexes; group commit',
      },
      {
        name: 'floor',
        script: floorScript('sqlite.ts'),
        title: 'better-sqlite3, synchronous hand-written SQL, group commit',
      },
    ],
    wanted: [
      { of: 'leanest', by: 'cpu', ratio: 0.6 },
      { of: 'floor', by: 'cpu', ratio: 0.8 },
    ],
    freshUrl: async () => join(folder, `${++files}.db`),
  };
}

/** A PostgreSQL server only for this run, with default settings: each commit waits for the disk. */
async function postgres(cleanup: Cleanup): Promise<Engine> {
  const starting = startPostgres({ durable: true });
  // Registered before the start, because a signal may arrive during it. If the start fails, there is nothing to stop.
  cleanup.add(() => starting.then((server) => server.stop()).catch(() => undefined));
  const server = await starting;
  const client = new pg.Client(server.adminUrl);
  await client.connect();
  const { rows } = await client.query<{ server_version: string }>('show server_version');
  await client.end();
  return {
    title: `PostgreSQL ${rows[0]!.server_version}, fsync and synchronous_commit on`,
    floors: [
      {
        name: 'floor',
        script: floorScript('postgres.ts'),
        title: 'pg, hand-written SQL, named statements, one transaction a request',
      },
    ],
    wanted: [{ of: 'floor', by: 'rate', ratio: 0.5 }],
    freshUrl: () => createDatabase(server.adminUrl),
    cpuMs: () => familyCpuMs(server.pid),
  };
}
