import { sql } from 'kysely';
import type { StepSql, TableChange, TableDefinition } from '../step-sql.ts';
import { constraint, createIndexes, generatedColumn } from '../table.ts';

/**
 * Brings a table to its definition: all its checks are dropped and added, which reads the table once, and the generated
 * columns and indexes that the step names. A generated column that changes has PostgreSQL write the whole table again.
 */
export async function rebuildTable(step: StepSql, table: TableDefinition, change: TableChange): Promise<void> {
  const { generated = [], indexes = [] } = change;
  for (const name of indexes) await step.run(sql`drop index if exists ${sql.ref(name)}`);
  // Checks and indexes that read a column go with it.
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
