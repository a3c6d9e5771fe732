import { expect } from 'vitest';
import type { Engine } from './engines.ts';
import { until } from './receiver.ts';

const sessions = `select pid from pg_stat_activity where datname = current_database()
  and backend_type = 'client backend' and pid <> pg_backend_pid()`;

/**
 * Expects that PostgreSQL counted no deadlock. The engine runs the losing transaction again, so a test would not notice
 * one otherwise. Call it after the servers have stopped, because a session reports its counts up to ten seconds late,
 * or when it ends.
 */
export async function expectNoDeadlock(engine: Engine, url: string): Promise<void> {
  expect(await deadlocksOf(engine, url)).toBe(0);
}

/** How many deadlocks there were, once all other sessions have ended. */
export async function deadlocksOf(engine: Engine, url: string): Promise<number> {
  if (engine.name !== 'PostgreSQL') return 0;
  await until(async () => (await engine.query(url, sessions)).length === 0);
  const [row] = await engine.query(url, 'select deadlocks from pg_stat_database where datname = current_database()');
  return Number(row?.deadlocks);
}
