import { type Kysely, sql } from 'kysely';
import type { SchemaDialect } from '../database.ts';
import type { Schema } from '../schema.ts';
import { refold } from './0006_refold.ts';

/** The index of the texts of tasks, and how far it has come. */
export async function up(db: Kysely<Schema>, dialect: SchemaDialect): Promise<void> {
  const int = sql.raw(dialect.integer);
  const idText = sql.raw(dialect.id);
  const run = (statement: ReturnType<typeof sql>) => statement.execute(db);

  await run(sql`create index tasks_searchable on tasks (created_at, id)
    where kind = 'work' and status in ('posted', 'claimed', 'delivered')`);
  await run(sql`create table search_texts (
    doc ${int} primary key,
    task_id ${idText} not null references tasks (id),
    created_at ${int} not null,
    is_long ${int} not null check (is_long in (0, 1))
  ) ${sql.raw(dialect.heap)}`);
  await run(sql`create unique index search_texts_by_age on search_texts (created_at, task_id)`);
  await run(sql`create index search_texts_long on search_texts (doc) where is_long = 1`);
  for (const statement of dialect.textIndex) await run(sql.raw(statement));

  await run(sql`create table search_progress (
    id ${int} primary key check (id = 1),
    reached_created_at ${int} not null,
    reached_id ${idText} not null,
    swept_created_at ${int} not null,
    swept_id ${idText} not null
  ) ${sql.raw(dialect.heap)}`);
  await run(sql`insert into search_progress values (1, -1, '', -1, '')`);

  // In the step, though it holds writes up: searches by the new rule would miss agents whose texts are folded by the old one.
  await refold(db);
}
