import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { SchemaDialect } from './database.ts';
import type { Schema } from './schema.ts';
import type { TableChange, TableDefinition } from './table.ts';

/** What a schema step writes its statements with: each engine's words for the same things, as parts of SQL. */
export interface StepSql {
  /** Runs one statement. */
  run(statement: RawBuilder<unknown>): Promise<void>;
  /** Runs one query. */
  all<R>(query: RawBuilder<unknown>): Promise<R[]>;
  /**
   * Brings a table that is there to a new definition, with its rows: checks, and what else the step names. For what can
   * be added without touching rows (a column with a default, an index), `alter table` and `create index` are enough.
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

/** The parts that one engine's dialect calls for. */
export function stepSql(db: Kysely<Schema>, dialect: SchemaDialect): StepSql {
  const step: StepSql = {
    run: async (statement) => {
      await statement.execute(db);
    },
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
