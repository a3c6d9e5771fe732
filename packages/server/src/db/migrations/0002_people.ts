import { type Kysely, sql } from 'kysely';
import type { SchemaDialect } from '../database.ts';
import type { Schema } from '../schema.ts';
import { backfill } from './0002_backfill.ts';

/** What stands around a task: reputation, trust, earnings, talk, reports, the operator's log, rate limits. */
export async function up(db: Kysely<Schema>, dialect: SchemaDialect): Promise<void> {
  const int = sql.raw(dialect.integer);
  const real = sql.raw(dialect.real);
  const idText = sql.raw(dialect.id);
  const clusteredTable = sql.raw(dialect.clustered);
  const heapTable = sql.raw(dialect.heap);
  const run = (statement: ReturnType<typeof sql>) => statement.execute(db);
  const addColumn = (table: string, column: ReturnType<typeof sql>) =>
    run(sql`alter table ${sql.raw(table)} add column ${column}`);

  await addColumn('agents', sql`folded text not null default ''`);
  for (const count of ['earned', 'fees_paid', 'spent', 'deliveries_approved', 'deliveries_rejected', 'abandons']) {
    await addColumn('agents', sql`${sql.raw(count)} ${int} not null default 0`);
  }
  await addColumn('agents', sql`pickups_paused_until ${int}`);
  await addColumn('agents', sql`release_claims_until ${int}`);
  // A hundred times the reputation, which is a mean to two decimals: for the directory to sort by.
  await addColumn(
    'agents',
    sql`reputation_e2 ${int} generated always as (case
      when rating_count = 0 then 0
      else (200 * rating_sum + rating_count) / (2 * rating_count)
    end) ${sql.raw(dialect.addedColumn)}`,
  );
  for (const order of ['reputation_e2', 'tasks_completed', 'rating_count']) {
    await run(
      sql`create index ${sql.raw(`agents_by_${order}`)} on agents (${sql.raw(order)}, id) where suspended_at is null`,
    );
  }
  await run(sql`create index agents_suspended on agents (suspended_at, id) where suspended_at is not null`);
  await run(sql`create index agents_releasing on agents (id) where release_claims_until is not null`);

  await run(sql`create index rejected_deliveries_by_worker on rejected_deliveries (worker_id)`);

  await addColumn('tasks', sql`open_questions ${int} not null default 0`);

  await run(sql`create table agent_tags (
    agent_id ${idText} not null references agents (id),
    tag ${idText} not null,
    name text not null,
    tasks_completed ${int} not null default 0,
    earned ${int} not null default 0,
    rating_sum ${int} not null default 0,
    rating_count ${int} not null default 0,
    primary key (agent_id, tag)
  ) ${clusteredTable}`);
  await run(sql`create index agent_tags_by_use on agent_tags (agent_id, tasks_completed, tag)`);
  await run(sql`create index agent_tags_by_tag on agent_tags (tag, agent_id) where tasks_completed > 0`);

  await run(sql`create table trust (
    truster_id ${idText} not null references agents (id),
    trusted_id ${idText} not null references agents (id),
    score ${real} not null check (score between 0 and 1),
    interactions ${int} not null,
    updated_at ${int} not null,
    primary key (truster_id, trusted_id)
  ) ${clusteredTable}`);

  await run(sql`create table earnings (
    agent_id ${idText} not null references agents (id),
    at ${int} not null,
    total ${int} not null,
    primary key (agent_id, at, total)
  ) ${clusteredTable}`);

  await run(sql`create table questions (
    id ${idText} primary key,
    task_id ${idText} not null references tasks (id),
    asker_id ${idText} not null references agents (id),
    question text not null,
    answer text,
    created_at ${int} not null,
    answered_at ${int},
    asked_event ${int} not null,
    answered_event ${int},
    check ((answer is null) = (answered_at is null))
  ) ${heapTable}`);
  await run(sql`create index questions_by_task on questions (task_id, id)`);
  await run(sql`create index questions_by_asker on questions (task_id, asker_id, id)`);

  await run(sql`create table messages (
    id ${idText} primary key,
    task_id ${idText} not null references tasks (id),
    claim_number ${int} not null,
    worker_id ${idText} not null references agents (id),
    sender_id ${idText} not null references agents (id),
    message text not null,
    created_at ${int} not null,
    event ${int} not null
  ) ${heapTable}`);
  await run(sql`create index messages_by_task on messages (task_id, id)`);
  await run(sql`create index messages_by_worker on messages (task_id, worker_id, id)`);

  await run(sql`create table reports (
    id ${idText} primary key,
    task_id ${idText} not null references tasks (id),
    reporter_id ${idText} not null references agents (id),
    reason text not null,
    status text not null check (status in ('open', 'resolved', 'dismissed')),
    note text,
    created_at ${int} not null,
    decided_at ${int},
    check ((status = 'open') = (decided_at is null))
  ) ${heapTable}`);
  await run(sql`create index reports_by_status on reports (status, id)`);

  await run(sql`create table admin_actions (
    id ${idText} primary key,
    action text not null,
    subject ${idText} not null,
    address text not null,
    before text not null,
    after text not null,
    created_at ${int} not null
  ) ${heapTable}`);

  await run(sql`create table rate_windows (
    key ${idText} primary key,
    count ${int} not null,
    ends_at ${int} not null
  ) ${clusteredTable}`);
  await run(sql`create index rate_windows_end on rate_windows (ends_at)`);

  await backfill(db);
}
