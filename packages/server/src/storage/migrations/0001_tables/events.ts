import { sql } from 'kysely';
import { a2aVersions } from '../../../ground/a2a.ts';
import { isOneOf } from '../../one-of.ts';
import type { StepSql } from '../../step-sql.ts';

/** Events with a numbering per agent, events that are not fanned out yet, and webhooks. */
export async function eventTables({ run, int, id, clustered }: StepSql): Promise<void> {
  await run(sql`create table event_cursors (
    agent_id ${id} primary key references agents (id),
    last_number ${int} not null,
    webhook_from ${int},
    webhook_events text
  ) ${clustered}`);

  await run(sql`create table events (
    agent_id ${id} not null,
    number ${int} not null,
    type text not null,
    task_id ${id},
    data text not null,
    created_at ${int} not null,
    primary key (agent_id, number)
  ) ${clustered}`);

  await run(sql`create table told_texts (
    task_id ${id} not null references tasks (id),
    agent_id ${id} not null,
    number ${int} not null,
    primary key (task_id, agent_id, number)
  ) ${clustered}`);

  await run(sql`create table outbox (
    id ${id} primary key,
    task_id ${id} not null references tasks (id),
    type text not null,
    data text not null,
    created_at ${int} not null,
    told_upto ${id} not null default ''
  ) ${clustered}`);
  await run(sql`create index outbox_by_task on outbox (task_id, id)`);

  await run(sql`create table webhook_deliveries (
    agent_id ${id} not null references agents (id),
    id ${id} not null,
    event_number ${int},
    event text not null,
    task_id ${id},
    data text not null,
    created_at ${int} not null,
    status text not null check (${isOneOf('status', ['pending', 'delivered', 'dead'])}),
    tries ${int} not null default 0,
    next_at ${int},
    forget_at ${int},
    attempts text not null default '[]',
    primary key (agent_id, id),
    check ((status = 'pending') = (next_at is not null)),
    check ((status = 'pending') = (forget_at is null))
  ) ${clustered}`);
  await run(sql`create unique index webhook_deliveries_by_event on webhook_deliveries (agent_id, event_number)
    where event_number is not null`);
  await run(sql`create index webhook_deliveries_by_status on webhook_deliveries (agent_id, status, id)`);
  await run(sql`create index webhook_deliveries_fresh on webhook_deliveries (agent_id, event_number)
    where next_at is not null and tries = 0 and event_number is not null`);
  await run(sql`create index webhook_deliveries_again on webhook_deliveries (agent_id, next_at, id)
    where next_at is not null and (tries > 0 or event_number is null)`);
  await run(sql`create index webhook_deliveries_forget on webhook_deliveries (forget_at) where forget_at is not null`);

  // ready_at: the earliest time at which a server may serve the receiver. It is the latest of three times; the two
  // engines have no common function for that.
  await run(sql`create table webhook_receivers (
    agent_id ${id} primary key references agents (id),
    due_at ${int},
    rest_until ${int} not null default 0,
    leased_until ${int} not null default 0,
    leased_by text,
    failing ${int} not null default 0 check (${isOneOf('failing', [0, 1])}),
    status text not null default 'active' check (${isOneOf('status', ['active', 'unconfirmed', 'paused'])}),
    since ${int} not null default 0,
    dead_in_row ${int} not null default 0,
    probe_id ${id},
    ready_at ${int} generated always as (case
      when due_at is null then null
      when due_at >= rest_until and due_at >= leased_until then due_at
      when rest_until >= leased_until then rest_until
      else leased_until
    end) stored
  ) ${clustered}`);
  await run(
    sql`create index webhook_receivers_ready on webhook_receivers (failing, ready_at) where ready_at is not null`,
  );
  await run(sql`create table webhook_hosts (
    host text primary key,
    queue_at ${int} not null default 0,
    used_at ${int} not null
  ) ${clustered}`);
  await run(sql`create index webhook_hosts_used on webhook_hosts (used_at)`);
  await run(sql`create table webhook_requests (
    host text not null,
    second ${int} not null,
    agent_id ${id} not null,
    count ${int} not null,
    primary key (host, second, agent_id)
  ) ${clustered}`);
  await run(sql`create index webhook_requests_by_second on webhook_requests (second)`);
  await run(sql`create table push_configs (
    task_id ${id} not null references tasks (id),
    name text not null,
    agent_id ${id} not null references agents (id),
    budget_id ${id} not null,
    a2a_version text not null check (${isOneOf('a2a_version', a2aVersions)}),
    url text not null,
    token text,
    auth_scheme text,
    auth_credentials text,
    told_version ${int} not null,
    status text not null check (${isOneOf('status', ['active', 'unconfirmed'])}),
    since ${int} not null,
    tries ${int} not null default 0,
    due_at ${int},
    leased_until ${int} not null default 0,
    leased_by text,
    failing ${int} not null default 0 check (${isOneOf('failing', [0, 1])}),
    forget_at ${int},
    ready_at ${int} generated always as (case when due_at is null or due_at >= leased_until then due_at else leased_until end) stored,
    primary key (task_id, name)
  ) ${clustered}`);
  await run(sql`create index push_configs_ready on push_configs (failing, ready_at) where ready_at is not null`);
  await run(sql`create index push_configs_by_agent on push_configs (agent_id)`);
  await run(sql`create index push_configs_forget on push_configs (forget_at) where forget_at is not null`);
  await run(sql`create index webhook_receivers_held on webhook_receivers (status) where status <> 'active'`);
}
