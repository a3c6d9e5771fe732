import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Schema } from './schema.ts';

/** The parts from which a schema step builds its statements. Each engine has its own SQL for them. */
export interface StepSql {
  /** Runs one statement. */
  run(statement: RawBuilder<unknown>): Promise<void>;
  /** Runs one query. */
  all<R>(query: RawBuilder<unknown>): Promise<R[]>;
  /**
   * Changes an existing table with its rows to a new definition: its checks, and the columns and indexes that `change`
   * names. For additions that do not touch rows (a column with a default, an index), use `alter table` and `create
   * index`.
   */
  rebuildTable(table: TableDefinition, change?: TableChange): Promise<void>;
  readonly int: RawBuilder<unknown>;
  readonly real: RawBuilder<unknown>;
  /** Text that compares by its bytes. */
  readonly id: RawBuilder<unknown>;
  /** Ends a `create table` whose rows are looked up by a primary key of several columns. */
  readonly clustered: RawBuilder<unknown>;
  /** Ends any other `create table`. */
  readonly heap: RawBuilder<unknown>;
  /** Makes the index of texts. */
  readonly textIndex: readonly RawBuilder<unknown>[];
}

/** A table in the parts that a later step may have to change one by one. */
export interface TableDefinition {
  readonly name: keyof Schema;
  /** The columns that are written, with their keys and references. */
  readonly columns: RawBuilder<unknown>;
  /** The columns that the database derives, by their names: type and expression. */
  readonly generated: Readonly<Record<string, RawBuilder<unknown>>>;
  /** Conditions on a row, by the names of their constraints. */
  readonly checks: Readonly<Record<string, RawBuilder<unknown>>>;
  /** Indexes, by their names: the columns, and the condition of a partial index. */
  readonly indexes: Readonly<Record<string, RawBuilder<unknown>>>;
  /** Ends the `create table`: `heap` or `clustered`. */
  readonly ending: RawBuilder<unknown>;
}

/** The changes of a step to a table, except its checks, by the names in the definition. */
export interface TableChange {
  readonly generated?: readonly string[];
  readonly indexes?: readonly string[];
}

/** The SQL in which the two engines differ when tables are created. */
export interface SchemaDialect {
  /** Locks these tables in this order, so that running nodes wait until the transaction ends. */
  readonly holdBack: (db: Kysely<Schema>, tables: readonly (keyof Schema)[]) => Promise<void>;
  /** Changes an existing table to a new definition (`StepSql.rebuildTable`). */
  readonly rebuildTable: (step: StepSql, table: TableDefinition, change: TableChange) => Promise<void>;
  readonly integer: 'integer' | 'bigint';
  readonly real: 'real' | 'double precision';
  /** Text that compares by its bytes, as ids must: they sort by time. */
  readonly id: string;
  /** Ends a `create table` whose rows are looked up by a primary key of several columns. */
  readonly clustered: string;
  /** Ends any other `create table`. */
  readonly heap: string;
  /** Makes the index of texts (`TextIndexClauses`). */
  readonly textIndex: readonly string[];
}

/** The parts of a schema for one engine's dialect. */
export function stepSql(db: Kysely<Schema>, dialect: SchemaDialect): StepSql {
  const step: StepSql = {
    run: async (statement) => {
      await statement.execute(db);
    },
    // The caller names the type of its rows.
    all: async <R>(query: RawBuilder<unknown>) => (await (query as RawBuilder<R>).execute(db)).rows,
    rebuildTable: (table, change = {}) => dialect.rebuildTable(step, table, change),
    int: sql.raw(dialect.integer),
    real: sql.raw(dialect.real),
    id: sql.raw(dialect.id),
    clustered: sql.raw(dialect.clustered),
    heap: sql.raw(dialect.heap),
    textIndex: dialect.textIndex.map((statement) => sql.raw(statement)),
  };
  return step;
}
