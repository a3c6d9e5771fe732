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

/** How long sessions may take to end by themselves. */
const longestWaitMs = 5_000;

/**
 * Waits until the sessions of this process's databases have ended, because a session reports its counts when it ends, or
 * up to ten seconds late. Ends those that a test has left open, and says which.
 */
async function untilSessionsEnd(client: pg.Client): Promise<void> {
  const giveUpAt = Date.now() + longestWaitMs;
  for (let isTold = false; ;) {
    const { rows } = await client.query<{ pid: number; name: string; query: string }>(
      `select pid, datname as name, query from pg_stat_activity
        where backend_type = 'client backend' and starts_with(datname, $1)`,
      [databasePrefix],
    );
    if (rows.length === 0) return;
    if (Date.now() > giveUpAt && !isTold) {
      isTold = true;
      console.warn('Sessions that no test has closed:', rows);
      for (const { pid } of rows) await client.query('select pg_terminate_backend($1)', [pid]);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
