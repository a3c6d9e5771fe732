import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { describe, inject, it } from 'vitest';
import { chosenEngines, type EngineName } from './chosen.ts';
import { createDatabase } from './postgres.ts';

export type { EngineName };

const chosen = chosenEngines();

export interface Engine {
  readonly name: EngineName;
  /** A new, empty database: a value for `PINCHWORK_DATABASE_URL`. */
  freshUrl(): Promise<string>;
  /** Runs SQL past the server, on a connection of its own, as a vandal would: without foreign keys. */
  vandalise(url: string, ...statements: string[]): Promise<void>;
  /** Reads past the server. */
  query(url: string, statement: string): Promise<Record<string, unknown>[]>;
}

const folder = mkdtempSync(join(tmpdir(), 'pinchwork-test-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
let files = 0;

export const sqlite: Engine = {
  name: 'SQLite',
  freshUrl: async () => join(folder, `${++files}.db`),
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
  vandalise: (url, ...statements) =>
    withClient(url, async (client) => {
      await client.query('set session_replication_role = replica');
      for (const statement of statements) await client.query(statement);
    }),
  query: (url, statement) =>
    withClient(url, async (client) => (await client.query(statement)).rows as Record<string, unknown>[]),
};

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The address of the database `postgres` of the tests' PostgreSQL, which starts when it is asked for first. */
export async function postgresAdmin(): Promise<string> {
  if (!chosen.has('PostgreSQL')) throw new Error('This run is without PostgreSQL: it is not in ENGINES');
  const reply = await fetch(inject('postgresBroker'));
  if (!reply.ok) throw new Error(`PostgreSQL did not start: ${await reply.text()}`);
  return reply.text();
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
