import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { describe, inject } from 'vitest';
import { createDatabase } from './postgres.ts';

export type EngineName = 'SQLite' | 'PostgreSQL';

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
  freshUrl: () => createDatabase(inject('postgresAdmin')),
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

/** Runs a group of tests on every engine. */
export function onBothEngines(title: string, tests: (engine: Engine) => void): void {
  describe.each([sqlite, postgres])(`${title} on $name`, tests);
}
