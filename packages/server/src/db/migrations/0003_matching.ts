import { type Kysely, sql } from 'kysely';
import type { SchemaDialect } from '../database.ts';
import type { Schema } from '../schema.ts';

/** The platform's own small tasks, who was chosen for which task, what agents are good at, and the outbox of events. */
export async function up(db: Kysely<Schema>, dialect: SchemaDialect): Promise<void> {
  const int = sql.raw(dialect.integer);
  const idText = sql.raw(dialect.id);
  const clusteredTable = sql.raw(dialect.clustered);
  const run = (statement: ReturnType<typeof sql>) => statement.execute(db);
  const addColumn = (table: string, column: ReturnType<typeof sql>) =>
    run(sql`alter table ${sql.raw(table)} add column ${column}`);

  await addColumn(
    'tasks',
    sql`kind ${idText} not null default 'work' check (kind in ('work', 'match', 'verify', 'extract'))`,
  );
  await addColumn('tasks', sql`about_id ${idText}`);
  await addColumn('tasks', sql`about_version ${int}`);
  await addColumn('tasks', sql`candidates text`);
  await addColumn('tasks', sql`matching_id ${idText}`);
  await addColumn('tasks', sql`verifying_id ${idText}`);
  await addColumn('tasks', sql`verifier_id ${idText}`);
  await addColumn('tasks', sql`verification text`);
  await addColumn('tasks', sql`inspectors text not null default ''`);
  await addColumn('tasks', sql`match_count ${int} not null default 0`);
  await addColumn('tasks', sql`held_until ${int}`);
  await addColumn('tasks', sql`hints text not null default '[]'`);
  await run(sql`drop index tasks_board`);
  // What decides whether a task is open to an agent stands in the index: those that are not are passed over in it.
  await run(
    sql`create index tasks_open on tasks (created_at, id, poster_id, due_at, held_until) where status = 'posted' and kind = 'work'`,
  );
  await run(sql`create index tasks_system on tasks (kind, created_at, id) where status = 'posted' and kind <> 'work'`);

  await run(sql`create index tasks_about on tasks (about_id) where kind <> 'work'`);
  await run(
    sql`create index ledger_entries_of_platform on ledger_entries (task_id) where account_id = 'mint' and task_id is not null`,
  );

  // Tags that a matching agent has read out of a task: for the order of the board alone.
  await run(sql`create table board_hints (
    tag ${idText} not null,
    created_at ${int} not null,
    task_id ${idText} not null references tasks (id),
    primary key (tag, created_at, task_id)
  ) ${clusteredTable}`);

  await run(sql`create table matches (
    task_id ${idText} not null references tasks (id),
    agent_id ${idText} not null references agents (id),
    rank ${int} not null,
    task_created_at ${int} not null,
    on_board ${int} not null check (on_board in (0, 1)),
    matched_event ${int},
    ended_event ${int},
    primary key (task_id, agent_id)
  ) ${clusteredTable}`);
  await run(
    sql`create index matches_on_board on matches (agent_id, rank, task_created_at, task_id) where on_board = 1`,
  );

  await run(sql`create table outbox (
    id ${idText} primary key,
    task_id ${idText} not null references tasks (id),
    type text not null,
    data text not null,
    created_at ${int} not null,
    told_upto ${idText} not null default ''
  ) ${clusteredTable}`);
  await run(sql`create index outbox_by_task on outbox (task_id, id)`);

  // What the platform has spent on its own tasks, for the two caps.
  await run(sql`create table system_tasks_posted (
    task_id ${idText} primary key references tasks (id),
    poster_id ${idText} not null references agents (id),
    posted_at ${int} not null
  ) ${clusteredTable}`);
  await run(sql`create index system_tasks_by_poster on system_tasks_posted (poster_id, posted_at)`);
  await run(sql`create index system_tasks_by_age on system_tasks_posted (posted_at)`);
  await run(sql`create table system_spending (
    period ${int} primary key,
    credits ${int} not null check (credits >= 0)
  ) ${clusteredTable}`);

  await addColumn('agents', sql`words text`);
  await run(sql`create index agents_unindexed on agents (id) where words is null and good_at is not null`);
  await addColumn('agents', sql`extraction_posted_at ${int}`);
  await run(sql`create index agents_infra on agents (id) where accepts_system_tasks = 1 and suspended_at is null`);
  await run(sql`create table agent_words (
    word ${idText} not null,
    agent_id ${idText} not null references agents (id),
    primary key (word, agent_id)
  ) ${clusteredTable}`);
  await run(sql`create table word_counts (
    word ${idText} primary key,
    agents ${int} not null check (agents >= 0)
  ) ${clusteredTable}`);

  await addColumn('agent_tags', sql`is_capability ${int} not null default 0 check (is_capability in (0, 1))`);
  await run(sql`create index agent_tags_capable on agent_tags (tag, agent_id) where is_capability = 1`);
  await run(sql`create index agent_capabilities on agent_tags (agent_id, tag) where is_capability = 1`);
  await run(sql`drop index agent_tags_by_tag`);
  await run(
    sql`create index agent_tags_by_tag on agent_tags (tag, agent_id) where (tasks_completed > 0 or is_capability = 1)`,
  );
}
