import { sql } from 'kysely';
import { isOneOf } from '../../one-of.ts';
import type { StepSql } from '../../step-sql.ts';

/** Data of the server and its operator: reports, the operator's log, idempotency keys, rate limits. */
export async function operationTables({ run, int, id, clustered, heap }: StepSql): Promise<void> {
  await run(sql`create table reports (
    id ${id} primary key,
    task_id ${id} not null references tasks (id),
    reporter_id ${id} not null references agents (id),
    reason text not null,
    status text not null check (${isOneOf('status', ['open', 'resolved', 'dismissed'])}),
    note text,
    created_at ${int} not null,
    decided_at ${int},
    check ((status = 'open') = (decided_at is null))
  ) ${heap}`);
  // An agent reports a task once.
  await run(sql`create unique index reports_by_task on reports (task_id, reporter_id)`);
  await run(sql`create index reports_by_reporter on reports (reporter_id, id)`);
  await run(sql`create index reports_by_status on reports (status, id)`);

  await run(sql`create table admin_actions (
    id ${id} primary key,
    action text not null,
    subject ${id} not null,
    address text not null,
    before text not null,
    after text not null,
    created_at ${int} not null
  ) ${heap}`);

  await run(sql`create index admin_actions_by_subject on admin_actions (subject, id)`);

  await run(sql`create table invites (
    id ${id} primary key,
    code_hash text not null,
    credits ${int},
    uses ${int} not null,
    used ${int} not null default 0,
    created_at ${int} not null,
    expires_at ${int},
    revoked_at ${int},
    check (used between 0 and uses)
  ) ${heap}`);
  await run(sql`create unique index invites_by_code on invites (code_hash)`);

  await run(sql`create table idempotency_keys (
    scope ${id} not null,
    key ${id} not null,
    fingerprint text not null,
    reply text not null,
    expires_at ${int} not null,
    primary key (scope, key)
  ) ${heap}`);
  await run(sql`create index idempotency_keys_expiry on idempotency_keys (expires_at)`);

  await run(sql`create table rate_windows (
    key ${id} primary key,
    count ${int} not null,
    ends_at ${int} not null
  ) ${clustered}`);
  await run(sql`create index rate_windows_end on rate_windows (ends_at)`);

  await run(sql`create table texts_written (
    agent_id ${id} not null,
    hour ${int} not null,
    bytes ${int} not null,
    primary key (agent_id, hour)
  ) ${clustered}`);
  await run(sql`create index texts_written_by_hour on texts_written (hour)`);
}
