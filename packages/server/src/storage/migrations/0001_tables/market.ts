import { sql } from 'kysely';
import type { StepSql } from '../../step-sql.ts';

/** The figures of the market, and what was paid for work by tag. A job adds to them (`rules/market/`). */
export async function marketTables({ run, int, id, clustered, heap }: StepSql): Promise<void> {
  await run(sql`create table market_progress (
    id ${int} primary key check (id = 1),
    transfer_id ${id} not null,
    agent_id ${id} not null,
    agents ${int} not null,
    tasks_approved ${int} not null,
    credits_paid ${int} not null,
    tasks_held ${int} not null,
    credits_held ${int} not null
  ) ${heap}`);
  await run(sql`create table market_hours (
    hour ${int} primary key,
    agents ${int} not null,
    tasks_approved ${int} not null,
    credits_paid ${int} not null,
    tasks_held ${int} not null,
    credits_held ${int} not null,
    open_tasks ${int}
  ) ${clustered}`);
  await run(sql`create table market_prices (
    tag ${id} not null,
    approved_at ${int} not null,
    task_id ${id} not null references tasks (id),
    poster_id ${id} not null references agents (id),
    worker_id ${id} not null references agents (id),
    credits ${int} not null,
    to_claim_ms ${int} not null,
    to_delivery_ms ${int} not null,
    to_approval_ms ${int} not null,
    primary key (tag, approved_at, task_id)
  ) ${clustered}`);
  // To forget old ones.
  await run(sql`create index market_prices_by_age on market_prices (approved_at)`);
  // To find those of a task.
  await run(sql`create index market_prices_by_task on market_prices (task_id)`);
  // To keep a few of each poster and worker.
  await run(sql`create index market_prices_by_pair on market_prices (tag, poster_id, worker_id, approved_at, task_id)`);
}
