import { sql } from 'kysely';
import type { StepSql, TableChange, TableDefinition } from '../step-sql.ts';
import { constraint, createIndexes, generatedColumn } from '../table.ts';

/**
 * Changes a table to match its definition: drops and adds all checks, which reads the table once, and recreates the
 * generated columns and indexes that the step names. Recreating a generated column makes PostgreSQL rewrite the whole
 * table.
 */
export async function rebuildTable(step: StepSql, table: TableDefinition, change: TableChange): Promise<void> {
  const { generated = [], indexes = [] } = change;
  for (const name of indexes) await step.run(sql`drop index if exists ${sql.ref(name)}`);
  // Dropping a column also drops the checks and indexes that use it.
  const changes = [
    ...Object.keys(table.checks).map((name) => sql`drop constraint if exists ${sql.ref(name)}`),
    ...generated.map((name) => sql`drop column if exists ${sql.ref(name)}`),
    ...generated.map((name) => sql`add column ${generatedColumn(name, definitionOf(table, name))}`),
    ...Object.entries(table.checks).map((entry) => sql`add ${constraint(...entry)}`),
  ];
  await step.run(sql`alter table ${sql.table(table.name)} ${sql.join(changes)}`);
  await createIndexes(step, table);
}

function definitionOf(table: TableDefinition, column: string) {
  const definition = table.generated[column];
  if (definition === undefined) throw new Error(`${table.name} has no generated column ${column}`);
  return definition;
}
