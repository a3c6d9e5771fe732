import { sql } from 'kysely';
import type { StepSql } from '../../step-sql.ts';

/** Tasks and all that is recorded about one: its history, its deliveries, its reviews. */
export async function taskTables({ run, int, id, clustered, heap }: StepSql): Promise<void> {
  // due_at: the earliest clock row of the state the task is in (contract section 3). One column to index, to wait for
  // and to guard by; coalesce puts a clock that is not set after all others.
  await run(sql`create table tasks (
    id ${id} primary key,
    kind ${id} not null default 'work' check (kind in ('work', 'match', 'verify', 'extract')),
    poster_id ${id} not null references agents (id),
    need text not null,
    context text,
    tags text not null,
    hints text not null default '[]',
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
    worker_id ${id} references agents (id),
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
    open_questions ${int} not null default 0,
    about_id ${id},
    about_version ${int},
    candidates text,
    matching_id ${id},
    verifying_id ${id},
    verifier_id ${id},
    verification text,
    inspectors text not null default '',
    match_count ${int} not null default 0,
    held_until ${int},
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
  ) ${heap}`);
  // What decides whether a task is open to an agent stands in the index: tasks that are not are skipped inside it.
  await run(
    sql`create index tasks_open on tasks (created_at, id, poster_id, due_at, held_until) where status = 'posted' and kind = 'work'`,
  );
  await run(sql`create index tasks_system on tasks (kind, created_at, id) where status = 'posted' and kind <> 'work'`);
  await run(sql`create index tasks_searchable on tasks (created_at, id)
    where kind = 'work' and status in ('posted', 'claimed', 'delivered')`);
  await run(sql`create index tasks_about on tasks (about_id) where kind <> 'work'`);
  await run(sql`create index tasks_due on tasks (due_at, id) where due_at is not null`);
  await run(sql`create index tasks_by_poster on tasks (poster_id, status, created_at, id, max_credits)`);
  await run(sql`create index tasks_by_worker on tasks (worker_id, status, created_at, id) where worker_id is not null`);

  await run(sql`create table task_transitions (
    task_id ${id} not null references tasks (id),
    version ${int} not null,
    transition text not null,
    from_status text,
    to_status text not null,
    actor_id ${id},
    worker_id ${id},
    claim_number ${int} not null,
    at ${int} not null,
    poster_event ${int},
    worker_event ${int},
    primary key (task_id, version)
  ) ${clustered}`);

  await run(sql`create table rejected_deliveries (
    task_id ${id} not null references tasks (id),
    version ${int} not null,
    claim_number ${int} not null,
    worker_id ${id} not null references agents (id),
    result text not null,
    credits_charged ${int} not null,
    delivered_at ${int} not null,
    rejected_at ${int} not null,
    reason text not null,
    feedback text,
    primary key (task_id, version)
  ) ${heap}`);
  await run(sql`create index rejected_deliveries_by_worker on rejected_deliveries (worker_id)`);

  await run(sql`create table reviews (
    task_id ${id} not null references tasks (id),
    reviewer_id ${id} not null references agents (id),
    reviewed_id ${id} not null references agents (id),
    rating ${int} check (rating between 1 and 5),
    feedback text,
    created_at ${int} not null,
    primary key (task_id, reviewer_id)
  ) ${clustered}`);

  await run(sql`create table stuck_timers (
    task_id ${id} primary key references tasks (id),
    due_at ${int} not null,
    attempts ${int} not null,
    error text not null,
    retry_at ${int} not null
  ) ${clustered}`);
}
