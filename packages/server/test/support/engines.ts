import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { describe, it } from 'vitest';
import type { Database } from '../../src/storage/database.ts';
import { type DatabaseOptions, openDatabase } from '../../src/storage/open.ts';
import { chosenEngines, type EngineName } from './chosen.ts';
import { closeKept, openKept } from './kept-databases.ts';
import { createDatabase } from './postgres.ts';
import { postgresAdmin, postgresTemplate, sqliteTemplate } from './shared.ts';
import { inSideSession, ownSessions } from './side-sessions.ts';
import { fingerprint } from './templates.ts';
import { scratchFolder } from './scratch.ts';

export type { EngineName };

const chosen = chosenEngines();

export interface Engine {
  readonly name: EngineName;
  /** A new, empty database: a value for `PINCHWORK_DATABASE_URL`. */
  freshUrl(): Promise<string>;
  /** A database of its own with the schema in place and nothing else, for a fraction of what a fresh one costs. */
  marketUrl(): Promise<string>;
  /** Opens it for a market. PostgreSQL's stays open for the next market that gets the same database. */
  open(url: string, options: DatabaseOptions): Promise<Database>;
  /** Returns a database of `marketUrl` that is no longer used. It is emptied and may be reused. */
  recycle(url: string): void;
  /** Gives up a database that may still be used. */
  discard(url: string): Promise<void>;
  /** Runs SQL directly on a separate connection, without foreign keys, to damage a database. */
  vandalise(url: string, ...statements: string[]): Promise<void>;
  /** Reads directly from the database. */
  query(url: string, statement: string): Promise<Record<string, unknown>[]>;
}

const folder = scratchFolder('test');
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
let files = 0;

export const sqlite: Engine = {
  name: 'SQLite',
  freshUrl: async () => join(folder, `${++files}.db`),
  marketUrl: async () => {
    const path = join(folder, `${++files}.db`);
    copyFileSync(await sqliteTemplate(), path);
    return path;
  },
  open: openDatabase,
  discard: async () => undefined,
  recycle: (path) => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  },
  vandalise: async (url, ...statements) => {
    const connection = new BetterSqlite(url);
    connection.pragma('foreign_keys = OFF');
    for (const statement of statements) connection.exec(statement);
    connection.close();
  },
  query: async (url, statement) => {
    const connection = new BetterSqlite(url, { readonly: true });
    const rows = connection.prepare(statement).all() as Record<string, unknown>[];
    connection.close();
    return rows;
  },
};

export const postgres: Engine = {
  name: 'PostgreSQL',
  freshUrl: async () => createDatabase(await postgresAdmin()),
  marketUrl: async () => {
    while (used.length > 0) {
      const url = used.pop()!;
      if (await inSideSession(url, restore)) return url;
      await closeKept(url);
    }
    return createDatabase(await postgresAdmin(), (await postgresTemplate()).name);
  },
  open: openKept,
  discard: closeKept,
  recycle: (url) => void used.push(url),
  vandalise: (url, ...statements) =>
    inSideSession(url, async (client) => {
      await client.query('set session_replication_role = replica');
      for (const statement of statements) await client.query(statement);
      await client.query('reset session_replication_role');
    }),
  query: (url, statement) =>
    inSideSession(url, async (client) => (await client.query(statement)).rows as Record<string, unknown>[]),
};

/** Databases of finished tests. Emptying one takes a tenth of the time of copying the template. */
const used: string[] = [];

/** Empties a used database. @returns false if its schema has changed or a session of a test still uses it. */
async function restore(client: pg.Client): Promise<boolean> {
  const template = await postgresTemplate();
  const users = `select count(*)::int as count from pg_stat_activity
                  where datname = current_database() and backend_type = 'client backend'
                    and application_name <> '${ownSessions}'`;
  const {
    rows: [state],
  } = await client.query(`select * from (${users}) users, (${fingerprint}) marks`);
  if (state.count > 0 || state.fingerprint !== template.fingerprint) return false;
  await client.query(template.reset);
  return true;
}

/** Whether this run is to use an engine. */
export const isChosen = ({ name }: Engine): boolean => chosen.has(name);

/** Runs a group of tests on each engine that `ENGINES` chooses. */
export function onBothEngines(title: string, tests: (engine: Engine) => void): void {
  for (const engine of [sqlite, postgres]) {
    describe.skipIf(!isChosen(engine))(`${title} on ${engine.name}`, () => tests(engine));
  }
}

/** `describe` and `it` for tests that need PostgreSQL; skipped when `ENGINES` does not choose it. */
export const describeOnPostgres = describe.skipIf(!isChosen(postgres));
export const itOnPostgres = it.skipIf(!isChosen(postgres));
