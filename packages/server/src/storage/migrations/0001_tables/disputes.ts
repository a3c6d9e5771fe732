import { disputeStatuses, seatStatuses } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { isOneOf } from '../../one-of.ts';
import type { StepSql } from '../../step-sql.ts';

/** Disputes, the seats of their judges, and who ever worked for whom. */
export async function disputeTables({ run, int, id, clustered, heap }: StepSql): Promise<void> {
  await run(sql`create table disputes (
    id ${id} primary key,
    task_id ${id} not null references tasks (id),
    claim_number ${int} not null,
    poster_id ${id} not null references agents (id),
    worker_id ${id} not null references agents (id),
    reason text not null,
    deposit ${int} not null check (deposit > 0),
    charged ${int} not null check (charged > 0),
    judges ${int} not null check (judges >= 0),
    default_share ${int} not null check (default_share between 0 and 100),
    opened_at ${int} not null,
    half_at ${int} not null,
    deadline_at ${int} not null,
    status ${id} not null check (${isOneOf('status', disputeStatuses)}),
    worker_share ${int} check (worker_share between 0 and 100),
    credits ${int} check (credits >= 0),
    explanation text,
    resolved_at ${int},
    look_at ${int},
    waits_since ${int},
    check ((status = 'open') = (resolved_at is null)),
    unique (task_id, claim_number)
  ) ${heap}`);
  await run(sql`create index disputes_open_by_worker on disputes (worker_id, deposit) where status = 'open'`);
  await run(sql`create index disputes_due on disputes (deadline_at, id) where status = 'open'`);
  await run(sql`create index disputes_by_status on disputes (status, id)`);
  await run(sql`create index disputes_to_look_at on disputes (look_at, id) where look_at is not null`);
  await run(sql`create index disputes_waiting on disputes (id) where status = 'open' and waits_since is not null`);
  await run(sql`create index disputes_by_worker on disputes (worker_id, id)`);
  await run(sql`create index disputes_by_poster on disputes (poster_id, id)`);

  await run(sql`create table dispute_seats (
    task_id ${id} primary key references tasks (id),
    dispute_id ${id} not null references disputes (id),
    disputed_id ${id} not null references tasks (id),
    judge_id ${id} not null references agents (id),
    drawn_at ${int} not null,
    status ${id} not null check (${isOneOf('status', seatStatuses)}),
    worker_share ${int} check (worker_share between 0 and 100),
    explanation text,
    answered_at ${int},
    unique (dispute_id, judge_id)
  ) ${clustered}`);
  await run(sql`create index dispute_seats_by_dispute on dispute_seats (dispute_id, task_id)`);
  await run(sql`create index dispute_seats_open on dispute_seats (judge_id, task_id) where status = 'open'`);
  await run(sql`create index dispute_seats_by_task on dispute_seats (disputed_id, task_id)`);

  // Pairs whose claims are in no other table: claims that ended without an approval, and those that were ruled on.
  await run(sql`create table dealings (
    worker_id ${id} not null,
    poster_id ${id} not null,
    primary key (worker_id, poster_id)
  ) ${clustered}`);
}
