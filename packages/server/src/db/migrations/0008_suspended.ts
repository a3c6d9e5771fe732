import { type Kysely, sql } from 'kysely';
import type { Schema } from '../schema.ts';

/** Whether an agent is suspended, for the board, which asks it of the poster of every task that it looks at. */
export async function up(db: Kysely<Schema>): Promise<void> {
  await sql`create index agents_suspended_by_id on agents (id) where suspended_at is not null`.execute(db);
}
