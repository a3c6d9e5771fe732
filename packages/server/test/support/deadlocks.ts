import pg from 'pg';
import { expect } from 'vitest';
import { databasePrefix } from './postgres.ts';
import { hasAskedForPostgres, postgresAdmin } from './shared.ts';

/**
 * PostgreSQL counts the deadlocks of each database. The engine runs the losing transaction again, so no test would notice
 * one otherwise. Every test file must leave the counts of its databases at 0; `setup.ts` looks when the file ends.
 */

/** The deadlocks known so far by the name of the database: those that a test provoked, and those already reported. */
const known = new Map<string, number>();

/** Says that a test has provoked deadlocks in its database. The file fails if PostgreSQL counted another number. */
export function provokedDeadlocks(url: string, count: number): void {
  known.set(new URL(url).pathname.slice(1), count);
}

/** Expects that the databases of this process had no deadlocks but the provoked ones. */
export async function expectNoDeadlocks(): Promise<void> {
  if (!hasAskedForPostgres()) return;
  const client = new pg.Client(await postgresAdmin());
  await client.connect();
  try {
    await untilSessionsEnd(client);
    const { rows } = await client.query<{ name: string; count: number }>(
      `select datname as name, deadlocks::int as count from pg_stat_database where starts_with(datname, $1)`,
      [databasePrefix],
    );
    const unexpected = rows.filter(({ name, count }) => count !== (known.get(name) ?? 0));
    for (const { name, count } of unexpected) known.set(name, count);
    expect(unexpected, 'deadlocks counted by PostgreSQL').toEqual([]);
  } finally {
    await client.end();
  }
}

/** How long to wait for sessions to end. Deadlocks of sessions that go on are noticed after a later file. */
const longestWaitMs = 5_000;

/** A session reports its counts when it ends, or up to ten seconds late. */
async function untilSessionsEnd(client: pg.Client): Promise<void> {
  const giveUpAt = Date.now() + longestWaitMs;
  while (Date.now() < giveUpAt) {
    const { rows } = await client.query(
      `select 1 from pg_stat_activity where backend_type = 'client backend' and starts_with(datname, $1) limit 1`,
      [databasePrefix],
    );
    if (rows.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
