import { CompiledQuery, type Kysely, sql } from 'kysely';
import { at } from '../ground/present.ts';
import { oneOf, type Reader } from '../storage/database.ts';
import { compile } from '../storage/postgres/statements.ts';
import type { Params, Prepared } from '../storage/prepared.ts';
import type { Schema } from '../storage/schema.ts';
import { Digest, isMadeAnew, type Row, type Table, type TableDigest } from './table.ts';

/** How many rows are fetched at a time when the copy is read back. A row has at most most of a megabyte. */
const fetched = 100;

/**
 * The target of a move: an open transaction on PostgreSQL. All methods run in it, and nothing is visible to others
 * before its commit.
 */
export class PostgresTarget {
  readonly #db: Kysely<Schema>;

  constructor(transaction: Kysely<Schema>) {
    this.#db = transaction;
  }

  async #all<R>(query: ReturnType<typeof sql<R>>): Promise<R[]> {
    return (await query.execute(this.#db)).rows;
  }

  /** The base tables of the schema that a server would use, without the migrator's own. */
  async tables(): Promise<Table[]> {
    const rows = await this.#all(sql<{ table: string; column: string }>`
      select c.table_name as "table", c.column_name as "column"
      from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
      where table_schema = current_schema() and t.table_type = 'BASE TABLE' and c.is_generated = 'NEVER'
      order by c.table_name collate "C", c.column_name collate "C"`);
    const tables = Map.groupBy(rows, ({ table }) => table);
    return [...tables]
      .filter(([name]) => !isMadeAnew(name))
      .map(([name, columns]) => ({ name, columns: columns.map(({ column }) => column) }));
  }

  /** Locks the tables exclusively until the transaction ends. */
  async hold(tables: readonly Table[]): Promise<void> {
    await sql`lock table ${sql.join(tables.map(({ name }) => sql.table(name)))} in access exclusive mode`.execute(
      this.#db,
    );
  }

  async isEmpty({ name }: Table): Promise<boolean> {
    const rows = await this.#all(sql<{ filled: boolean }>`select exists (select from ${sql.table(name)}) as filled`);
    return !at(rows, 0).filled;
  }

  async clear({ name }: Table): Promise<void> {
    await sql`delete from ${sql.table(name)}`.execute(this.#db);
  }

  /**
   * Drops the foreign keys, so that tables can be filled in any order. @returns a function that restores them, which
   * checks all rows at once.
   */
  async withoutForeignKeys(): Promise<() => Promise<void>> {
    const keys = await this.#all(sql<{ table: string; name: string; definition: string }>`
      select c.relname as "table", k.conname as name, pg_get_constraintdef(k.oid) as definition
      from pg_constraint k join pg_class c on c.oid = k.conrelid
      where k.contype = 'f' and c.relnamespace = current_schema()::regnamespace`);
    const change = (table: string, what: ReturnType<typeof sql>) =>
      sql`alter table ${sql.table(table)} ${what}`.execute(this.#db);
    for (const { table, name } of keys) await change(table, sql`drop constraint ${sql.id(name)}`);
    return async () => {
      for (const { table, name, definition } of keys) {
        await change(table, sql`add constraint ${sql.id(name)} ${sql.raw(definition)}`);
      }
    };
  }

  /** Inserts a portion of rows as one parameter. */
  async insert({ name, columns }: Table, rows: readonly Row[]): Promise<void> {
    const objects = rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])));
    const list = sql.join(columns.map((column) => sql.ref(column)));
    await sql`insert into ${sql.table(name)} (${list})
      select ${list} from json_populate_recordset(null::${sql.table(name)}, ${JSON.stringify(objects)})`.execute(
      this.#db,
    );
  }

  /** Reads a table back in portions and computes its digest. */
  async digestOf({ name, columns }: Table, onRows: (rows: number) => void): Promise<TableDigest> {
    const list = sql.join(columns.map((column) => sql.ref(column)));
    await sql`declare copied no scroll cursor for select ${list} from ${sql.table(name)}`.execute(this.#db);
    const digest = new Digest();
    for (;;) {
      const rows = await this.#all(sql<Record<string, string | number | null>>`fetch ${sql.lit(fetched)} from copied`);
      for (const row of rows) digest.add(columns.map((column) => row[column] ?? null));
      if (rows.length > 0) onRows(rows.length);
      if (rows.length < fetched) break;
    }
    await sql`close copied`.execute(this.#db);
    return digest.end();
  }

  /** Updates the planner's statistics. Without them the audit that follows would scan most tables. */
  async analyze(): Promise<void> {
    await sql`analyze`.execute(this.#db);
  }

  /** Queries within the transaction, for the audit. */
  get reader(): Reader {
    const all = async <P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> => {
      const { sql: text, bind } = compile(query);
      return (await this.#db.executeQuery<R>(CompiledQuery.raw(text, bind(params)))).rows;
    };
    const first: Reader['first'] = async (query, params) => (await all(query, params))[0];
    return { all, first, one: (query, params) => oneOf({ first }, query, params) };
  }
}
