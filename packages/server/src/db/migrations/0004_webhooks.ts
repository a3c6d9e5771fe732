import { type Kysely, sql } from 'kysely';
import type { SchemaDialect } from '../database.ts';
import type { Schema } from '../schema.ts';

/** Webhooks: from which event on an agent has one, its deliveries, and when each endpoint is to be served. */
export async function up(db: Kysely<Schema>, dialect: SchemaDialect): Promise<void> {
  const int = sql.raw(dialect.integer);
  const idText = sql.raw(dialect.id);
  const clusteredTable = sql.raw(dialect.clustered);
  const run = (statement: ReturnType<typeof sql>) => statement.execute(db);

  await run(sql`alter table event_cursors add column webhook_from ${int}`);
  // Agents that gave an address before anything was sent to it hear of what happens from now on.
  await run(sql`insert into event_cursors (agent_id, last_number, webhook_from)
    select id, 0, 1 from agents where webhook_url is not null
    on conflict (agent_id) do update set webhook_from = event_cursors.last_number + 1`);

  await run(sql`create table webhook_deliveries (
    agent_id ${idText} not null references agents (id),
    id ${idText} not null,
    event_number ${int},
    event text not null,
    task_id ${idText},
    data text not null,
    created_at ${int} not null,
    status text not null check (status in ('pending', 'delivered', 'dead')),
    tries ${int} not null default 0,
    next_at ${int},
    forget_at ${int},
    attempts text not null default '[]',
    primary key (agent_id, id),
    check ((status = 'pending') = (next_at is not null)),
    check ((status = 'pending') = (forget_at is null))
  ) ${clusteredTable}`);
  await run(sql`create unique index webhook_deliveries_by_event on webhook_deliveries (agent_id, event_number)
    where event_number is not null`);
  await run(sql`create index webhook_deliveries_by_status on webhook_deliveries (agent_id, status, id)`);
  await run(sql`create index webhook_deliveries_fresh on webhook_deliveries (agent_id, event_number)
    where next_at is not null and tries = 0 and event_number is not null`);
  await run(sql`create index webhook_deliveries_again on webhook_deliveries (agent_id, next_at, id)
    where next_at is not null and (tries > 0 or event_number is null)`);
  await run(sql`create index webhook_deliveries_forget on webhook_deliveries (forget_at) where forget_at is not null`);

  // ready_at: the earliest moment at which a server may serve the endpoint; the latest of three, which the two engines
  // have no common word for.
  await run(sql`create table webhook_endpoints (
    agent_id ${idText} primary key references agents (id),
    due_at ${int},
    rest_until ${int} not null default 0,
    leased_until ${int} not null default 0,
    leased_by text,
    failing ${int} not null default 0 check (failing in (0, 1)),
    ready_at ${int} generated always as (case
      when due_at is null then null
      when due_at >= rest_until and due_at >= leased_until then due_at
      when rest_until >= leased_until then rest_until
      else leased_until
    end) stored
  ) ${clusteredTable}`);
  await run(
    sql`create index webhook_endpoints_ready on webhook_endpoints (failing, ready_at) where ready_at is not null`,
  );
}
