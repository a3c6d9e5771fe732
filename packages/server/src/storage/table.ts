import { type RawBuilder, sql } from 'kysely';
import type { Schema } from './schema.ts';
import type { StepSql } from './step-sql.ts';

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

/** What a step changes in a table besides its checks, by the names in the definition. */
export interface TableChange {
  readonly generated?: readonly string[];
  readonly indexes?: readonly string[];
}

export const generatedColumn = (name: string, definition: RawBuilder<unknown>) => sql`${sql.ref(name)} ${definition}`;
export const constraint = (name: string, condition: RawBuilder<unknown>) =>
  sql`constraint ${sql.ref(name)} check (${condition})`;

/** The `create table` of a definition, under its own name or another. */
export function tableStatement(table: TableDefinition, name: string = table.name): RawBuilder<unknown> {
  const parts = [
    table.columns,
    ...Object.entries(table.generated).map((entry) => generatedColumn(...entry)),
    ...Object.entries(table.checks).map((entry) => constraint(...entry)),
  ];
  return sql`create table ${sql.table(name)} (${sql.join(parts, sql`, `)}) ${table.ending}`;
}

/** Makes the indexes of a table that are not there. */
export async function createIndexes(step: StepSql, table: TableDefinition): Promise<void> {
  for (const [name, definition] of Object.entries(table.indexes)) {
    await step.run(sql`create index if not exists ${sql.ref(name)} on ${sql.table(table.name)} ${definition}`);
  }
}

/** Makes a table with its indexes. */
export async function createTable(step: StepSql, table: TableDefinition): Promise<void> {
  await step.run(tableStatement(table));
  await createIndexes(step, table);
}
