import { type Kysely, sql } from 'kysely';
import type { SchemaDialect } from '../database.ts';
import type { Schema } from '../schema.ts';

/** The core: agents, tasks with their history, the ledger, events, idempotency keys. */
export async function up(db: Kysely<Schema>, { integer, id, clustered, heap }: SchemaDialect): Promise<void> {
  const int = sql.raw(integer);
  const idText = sql.raw(id);
  const clusteredTable = sql.raw(clustered);
  const heapTable = sql.raw(heap);
  const run = (statement: ReturnType<typeof sql>) => statement.execute(db);

  await run(sql`create table meta (key ${idText} primary key, value text not null) ${clusteredTable}`);

  await run(sql`create table agents (
    id ${idText} primary key,
    name text not null,
    good_at text,
    accepts_system_tasks ${int} not null default 0 check (accepts_system_tasks in (0, 1)),
    webhook_url text,
    webhook_secret text,
    suspended_at ${int},
    suspension_reason text,
    tasks_posted ${int} not null default 0,
    tasks_completed ${int} not null default 0,
    rating_sum ${int} not null default 0,
    rating_count ${int} not null default 0,
    created_at ${int} not null
  ) ${heapTable}`);

  await run(sql`create table api_keys (
    id ${idText} primary key,
    agent_id ${idText} not null references agents (id),
    key_hash text not null,
    created_at ${int} not null
  ) ${clusteredTable}`);

  // due_at: the earliest clock row of the state the task is in (contract section 3). One column to index, to wait for
  // and to guard by; coalesce puts a clock that is not set after all others.
  await run(sql`create table tasks (
    id ${idText} primary key,
    poster_id ${idText} not null references agents (id),
    need text not null,
    context text,
    tags text not null,
    max_credits ${int} not null check (max_credits > 0),
    fee_ppm ${int} not null check (fee_ppm between 0 and 1000000),
    status text not null check (status in ('posted', 'claimed', 'delivered', 'approved', 'expired', 'cancelled')),
    version ${int} not null,
    created_at ${int} not null,
    expires_at ${int} not null,
    deadline_at ${int},
    review_timeout_minutes ${int},
    claim_timeout_minutes ${int},
    claim_number ${int} not null default 0,
    worker_id ${idText} references agents (id),
    claim_deadline_at ${int},
    grace_deadline_at ${int},
    review_deadline_at ${int},
    result text,
    credits_charged ${int} check (credits_charged between 1 and max_credits),
    delivered_at ${int},
    rejection_count ${int} not null default 0,
    claim_rejections ${int} not null default 0,
    rejection_reason text,
    rejection_feedback text,
    due_at ${int} generated always as (case status
      when 'posted' then case when deadline_at < expires_at then deadline_at else expires_at end
      when 'claimed' then case
        when coalesce(deadline_at, 9007199254740991) <= coalesce(claim_deadline_at, 9007199254740991)
          and coalesce(deadline_at, 9007199254740991) <= coalesce(grace_deadline_at, 9007199254740991) then deadline_at
        when coalesce(claim_deadline_at, 9007199254740991) <= coalesce(grace_deadline_at, 9007199254740991)
          then claim_deadline_at
        else grace_deadline_at end
      when 'delivered' then review_deadline_at
    end) stored,
    check (status in ('approved', 'expired', 'cancelled') or due_at is not null),
    check ((status in ('claimed', 'delivered', 'approved')) = (worker_id is not null))
  ) ${heapTable}`);
  await run(sql`create index tasks_board on tasks (created_at, id) where status = 'posted'`);
  await run(sql`create index tasks_due on tasks (due_at, id) where due_at is not null`);
  await run(sql`create index tasks_by_poster on tasks (poster_id, status, created_at, id, max_credits)`);
  await run(sql`create index tasks_by_worker on tasks (worker_id, status, created_at, id) where worker_id is not null`);

  await run(sql`create table board_tags (
    tag ${idText} not null,
    created_at ${int} not null,
    task_id ${idText} not null references tasks (id),
    primary key (tag, created_at, task_id)
  ) ${clusteredTable}`);

  await run(sql`create table task_transitions (
    task_id ${idText} not null references tasks (id),
    version ${int} not null,
    transition text not null,
    from_status text,
    to_status text not null,
    actor_id ${idText},
    worker_id ${idText},
    claim_number ${int} not null,
    at ${int} not null,
    poster_event ${int},
    worker_event ${int},
    primary key (task_id, version)
  ) ${clusteredTable}`);

  await run(sql`create table rejected_deliveries (
    task_id ${idText} not null references tasks (id),
    version ${int} not null,
    claim_number ${int} not null,
    worker_id ${idText} not null references agents (id),
    result text not null,
    credits_charged ${int} not null,
    delivered_at ${int} not null,
    rejected_at ${int} not null,
    reason text not null,
    feedback text,
    primary key (task_id, version)
  ) ${heapTable}`);

  await run(sql`create table reviews (
    task_id ${idText} not null references tasks (id),
    reviewer_id ${idText} not null references agents (id),
    reviewed_id ${idText} not null references agents (id),
    rating ${int} check (rating between 1 and 5),
    feedback text,
    created_at ${int} not null,
    primary key (task_id, reviewer_id)
  ) ${clusteredTable}`);

  await run(sql`create table accounts (
    id ${idText} primary key,
    balance ${int} not null check (balance >= 0)
  ) ${clusteredTable}`);

  await run(sql`create table ledger_entries (
    transfer_id ${idText} not null,
    account_id ${idText} not null,
    amount ${int} not null check (amount <> 0),
    reason text not null,
    task_id ${idText},
    created_at ${int} not null,
    primary key (transfer_id, account_id)
  ) ${clusteredTable}`);
  await run(sql`create index ledger_entries_by_account on ledger_entries (account_id, transfer_id)`);

  await run(sql`create table event_cursors (
    agent_id ${idText} primary key references agents (id),
    last_number ${int} not null
  ) ${clusteredTable}`);

  await run(sql`create table events (
    agent_id ${idText} not null,
    number ${int} not null,
    type text not null,
    task_id ${idText} not null,
    data text not null,
    created_at ${int} not null,
    primary key (agent_id, number)
  ) ${clusteredTable}`);

  await run(sql`create table idempotency_keys (
    scope ${idText} not null,
    key ${idText} not null,
    fingerprint text not null,
    reply text not null,
    expires_at ${int} not null,
    primary key (scope, key)
  ) ${heapTable}`);
  await run(sql`create index idempotency_keys_expiry on idempotency_keys (expires_at)`);

  await run(sql`create table stuck_timers (
    task_id ${idText} primary key references tasks (id),
    due_at ${int} not null,
    attempts ${int} not null,
    error text not null,
    retry_at ${int} not null
  ) ${clusteredTable}`);
}
