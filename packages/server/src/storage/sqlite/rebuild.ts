import { sql } from 'kysely';
import { at } from '../../ground/present.ts';
import type { StepSql, TableDefinition } from '../step-sql.ts';
import { createIndexes, tableStatement } from '../table.ts';

/**
 * Recreates a table from its definition and copies its rows, because SQLite can alter neither a CHECK nor the
 * expression of a generated column. Must run in a transaction while foreign keys are off: otherwise dropping the old
 * table would first delete its rows and all rows that refer to them.
 *
 * @throws Error when the definition lacks a column, an index or a trigger of the table, or when a foreign key is broken
 *   afterwards.
 */
export async function rebuildTable(step: StepSql, table: TableDefinition): Promise<void> {
  const { name } = table;
  const fresh = `${name}_rebuilt`;
  await step.run(tableStatement(table, fresh));
  const columns = await writtenColumns(step, name);
  const known = new Set(await writtenColumns(step, fresh));
  refuse(
    name,
    columns.filter((column) => !known.has(column)),
  );
  refuse(
    name,
    (await attached(step, name)).filter((each) => !(each in table.indexes)),
  );

  const list = sql.join(columns.map((column) => sql.ref(column)));
  await step.run(sql`insert into ${sql.table(fresh)} (${list}) select ${list} from ${sql.table(name)}`);
  await step.run(sql`drop table ${sql.table(name)}`);
  await step.run(sql`alter table ${sql.table(fresh)} rename to ${sql.table(name)}`);
  await createIndexes(step, table);
  const broken = await step.all<{ table: string }>(sql`select "table" from pragma_foreign_key_check`);
  if (broken.length > 0) throw new Error(`rows of ${at(broken, 0).table} refer to rows that do not exist`);
}

/** The columns of a table, without generated ones. */
async function writtenColumns(step: StepSql, table: string): Promise<string[]> {
  const rows = await step.all<{ name: string }>(
    sql`select name from pragma_table_xinfo(${sql.lit(table)}) where hidden = 0`,
  );
  return rows.map(({ name }) => name);
}

/** The indexes and triggers that are dropped with the table, without the indexes of its keys. */
async function attached(step: StepSql, table: string): Promise<string[]> {
  const rows = await step.all<{ name: string }>(
    sql`select name from sqlite_master where tbl_name = ${sql.lit(table)} and type <> 'table' and sql is not null`,
  );
  return rows.map(({ name }) => name);
}

function refuse(table: string, missing: readonly string[]): void {
  if (missing.length > 0) throw new Error(`the new definition of ${table} lacks ${missing.join(', ')}`);
}
