import { type RawBuilder, sql } from 'kysely';
import type { StepSql, TableDefinition } from './step-sql.ts';

export const generatedColumn = (name: string, definition: RawBuilder<unknown>) => sql`${sql.ref(name)} ${definition}`;
export const constraint = (name: string, condition: RawBuilder<unknown>) =>
  sql`constraint ${sql.ref(name)} check (${condition})`;

/**
 * The `create table` statement of a definition.
 *
 * @param name the name to create it under.
 */
export function tableStatement(table: TableDefinition, name: string = table.name): RawBuilder<unknown> {
  const parts = [
    table.columns,
    ...Object.entries(table.generated).map((entry) => generatedColumn(...entry)),
    ...Object.entries(table.checks).map((entry) => constraint(...entry)),
  ];
  return sql`create table ${sql.table(name)} (${sql.join(parts, sql`, `)}) ${table.ending}`;
}

/** Creates the missing indexes of a table. */
export async function createIndexes(step: StepSql, table: TableDefinition): Promise<void> {
  for (const [name, definition] of Object.entries(table.indexes)) {
    await step.run(sql`create index if not exists ${sql.ref(name)} on ${sql.table(table.name)} ${definition}`);
  }
}

/** Creates a table with its indexes. */
export async function createTable(step: StepSql, table: TableDefinition): Promise<void> {
  await step.run(tableStatement(table));
  await createIndexes(step, table);
}
