import { expect } from 'vitest';
import type { Engine } from './engines.ts';
import { until } from './receiver.ts';

const sessions = `select pid from pg_stat_activity where datname = current_database()
  and backend_type = 'client backend' and pid <> pg_backend_pid()`;

/**
 * Expects that PostgreSQL had to break no deadlock: the engine runs the loser again, so nobody would notice otherwise.
 * Call it when the servers have stopped: a session hands in its counts up to ten seconds late, or as it ends.
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
