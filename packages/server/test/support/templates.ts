import { rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/storage/migrate.ts';
import { openDatabase } from '../../src/storage/open.ts';
import { version } from '../../src/ground/version.ts';
import { createDatabase } from './postgres.ts';
import { scratchFolder } from './scratch.ts';

/** Databases with the schema in place. A copy takes a tenth of the time that the schema steps take. */

async function bringUp(url: string): Promise<void> {
  const database = await openDatabase(url, { onError: () => undefined });
  try {
    await migrate(database, version);
  } finally {
    await database.close();
  }
}

/** @returns the path of an SQLite file to copy, and what deletes it. */
export async function makeSqliteTemplate(): Promise<{ path: string; remove: () => void }> {
  const folder = scratchFolder('template');
  const path = join(folder, 'template.db');
  await bringUp(path);
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface PostgresTemplate {
  /** The name of the database to copy. */
  readonly name: string;
  /** SQL that restores a copy to the template's rows, if its schema is unchanged. */
  readonly reset: string;
  /** The `fingerprint` of a copy whose tables, indexes, functions and triggers are unchanged. */
  readonly fingerprint: string;
}

/** One row with one column, `fingerprint`: everything in a database that SQL can have defined. */
export const fingerprint = `
  select concat_ws(' ',
    (select string_agg(relname || ':' || relkind::text || ':' || relnatts, ',' order by relname collate "C")
       from pg_class where relnamespace = 'public'::regnamespace),
    (select count(*) from pg_trigger), (select count(*) from pg_proc), (select count(*) from pg_constraint)
  ) as fingerprint`;

export async function makePostgresTemplate(adminUrl: string): Promise<PostgresTemplate> {
  const url = await createDatabase(adminUrl);
  await bringUp(url);
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ fingerprint: string }>(fingerprint);
    return { name: new URL(url).pathname.slice(1), reset: await resetOf(client), fingerprint: rows[0]!.fingerprint };
  } finally {
    await client.end();
  }
}

async function resetOf(client: pg.Client): Promise<string> {
  const { rows: tables } = await client.query<{ name: string; columns: string }>(
    `select table_name as name, string_agg(quote_ident(column_name), ', ') as columns
       from information_schema.columns join information_schema.tables using (table_schema, table_name)
      where table_schema = 'public' and table_type = 'BASE TABLE' and is_generated = 'NEVER'
      group by table_name`,
  );
  // Acts as a replica, so that foreign keys and triggers do not apply and any order works.
  const statements = ['set session_replication_role = replica'];
  for (const { name, columns } of tables) {
    const { rows } = await client.query(`select ${columns} from ${name}`);
    statements.push(`delete from ${name}`);
    if (rows.length === 0) continue;
    const json = client.escapeLiteral(JSON.stringify(rows));
    statements.push(
      `insert into ${name} (${columns}) select ${columns} from json_populate_recordset(null::${name}, ${json})`,
    );
  }
  return statements.join(';\n');
}
