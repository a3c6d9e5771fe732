import { type Kysely, sql } from 'kysely';
import type { SchemaDialect } from '../database.ts';
import type { Schema } from '../schema.ts';

/** When an agent's tags are to be asked for that could not be when its text changed. */
export async function up(db: Kysely<Schema>, dialect: SchemaDialect): Promise<void> {
  await sql`alter table agents add column extraction_due_at ${sql.raw(dialect.integer)}`.execute(db);
  await sql`create index agents_extraction_due on agents (extraction_due_at, id) where extraction_due_at is not null`.execute(
    db,
  );
}
