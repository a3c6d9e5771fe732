import BetterSqlite from 'better-sqlite3';
import type { QueryResult } from 'pg';
import { inSideSession } from './side-sessions.ts';

type Row = Readonly<Record<string, unknown>>;
export type Tables = Readonly<Record<string, readonly Row[]>>;

/** Reads all rows of a database over a separate connection. Two results are equal if nothing changed between them. */
export async function readTables(url: string): Promise<Tables> {
  return url.startsWith('postgres') ? readPostgres(url) : readSqlite(url);
}

/** Tells that rows of an SQLite file have changed, in a fraction of the time that it takes to read them. */
export class ChangeWatch {
  readonly #connection: BetterSqlite.Database;

  constructor(path: string) {
    this.#connection = new BetterSqlite(path, { readonly: true, fileMustExist: true });
  }

  /** Another number after every commit that changed something. */
  get version(): number {
    return this.#connection.pragma('data_version', { simple: true }) as number;
  }

  close(): void {
    this.#connection.close();
  }
}

function readSqlite(path: string): Tables {
  const connection = new BetterSqlite(path, { readonly: true, fileMustExist: true });
  try {
    const names = connection.prepare(`select name from sqlite_schema where type = 'table'`).pluck().all() as string[];
    return Object.fromEntries(
      names.map((name) => [name, connection.prepare(`select * from "${name}"`).all() as Row[]] as const),
    );
  } finally {
    connection.close();
  }
}

function readPostgres(url: string): Promise<Tables> {
  return inSideSession(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
    );
    // In one message. It has a list of results if it has more than one statement.
    const text = rows.map(({ name }) => `select * from "${name}"`).join(';\n');
    const results = [(await client.query<Row>(text)) as QueryResult<Row> | QueryResult<Row>[]].flat();
    return Object.fromEntries(rows.map(({ name }, i) => [name, results[i]!.rows]));
  });
}
