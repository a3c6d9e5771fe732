import BetterSqlite, { type Statement } from 'better-sqlite3';
import pg from 'pg';
import type { Schema } from '../../packages/server/src/storage/schema.ts';

type Row = Readonly<Record<string, string | number | null>>;

/** Writes rows to the database directly, as fast as possible. All rows of a table have the same columns. */
export interface Loader {
  add(table: keyof Schema, row: Row): void;
  /** Writes the added rows when a batch is full. Call it often. */
  drain(): Promise<void>;
  /** Runs a query, to check the written rows. */
  query(text: string): Promise<Record<string, unknown>[]>;
  /** Commits, and updates the planner's statistics. */
  close(): Promise<void>;
}

export const openLoader = (url: string): Promise<Loader> =>
  url.startsWith('postgres') ? openPostgresLoader(url) : Promise.resolve(openSqliteLoader(url));

function openSqliteLoader(path: string): Loader {
  const connection = new BetterSqlite(path);
  // Durability is not needed: after a crash the data is loaded again.
  for (const pragma of ['journal_mode = OFF', 'synchronous = OFF', 'foreign_keys = OFF', 'cache_size = -2000000']) {
    connection.pragma(pragma);
  }
  const indexes = connection
    .prepare<[], { name: string; sql: string }>(
      `select name, sql from sqlite_schema where type = 'index' and sql <> ''`,
    )
    .all();
  const statements = new Map<string, Statement>();
  connection.exec('begin');
  // Built at the end from sorted rows: updating them row by row takes several times as long.
  for (const { name } of indexes) connection.exec(`drop index ${name}`);
  return {
    add: (table, row) => {
      let statement = statements.get(table);
      if (statement === undefined) {
        const columns = Object.keys(row);
        const slots = columns.map(() => '?').join();
        statement = connection.prepare(`insert into ${table} (${columns.join()}) values (${slots})`);
        statements.set(table, statement);
      }
      statement.run(Object.values(row));
    },
    drain: async () => undefined,
    query: async (text) => connection.prepare<[], Record<string, unknown>>(text).all(),
    close: async () => {
      for (const { sql } of indexes) connection.exec(sql);
      connection.exec('commit');
      connection.close();
    },
  };
}

/** The approximate number of rows in one batch for PostgreSQL. */
const portion = 10_000;

async function openPostgresLoader(url: string): Promise<Loader> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query('set session_replication_role = replica');
  await client.query('begin');
  const waiting = new Map<string, Row[]>();
  let count = 0;
  const write = async () => {
    for (const [table, rows] of waiting) {
      const columns = Object.keys(rows[0]!);
      const types = Object.values(rows[0]!).map((value) => (typeof value === 'number' ? 'bigint' : 'text'));
      const lists = types.map((type, i) => `$${i + 1}::${type}[]`);
      await client.query(
        `insert into ${table} (${columns.join()}) select * from unnest(${lists.join()})`,
        columns.map((column) => rows.map((row) => row[column])),
      );
    }
    waiting.clear();
    count = 0;
  };
  return {
    add: (table, row) => {
      count++;
      const rows = waiting.get(table);
      if (rows === undefined) waiting.set(table, [row]);
      else rows.push(row);
    },
    drain: async () => {
      if (count >= portion) await write();
    },
    query: async (text) => {
      await write();
      return (await client.query<Record<string, unknown>>(text)).rows;
    },
    close: async () => {
      await write();
      await client.query('commit');
      // Autovacuum would do this later.
      await client.query('vacuum analyze');
      await client.end();
    },
  };
}
