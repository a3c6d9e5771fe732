import pg from 'pg';
import type { Market } from './market.ts';
import { until } from './until.ts';

/**
 * Makes changes wait for the row of a task, each behind the one before it, and then lets them all go on. So each began
 * before the earlier ones changed anything, which is when guards must see more than they read first. On PostgreSQL.
 *
 * @param tasks the task, or several that are all held.
 * @param changes each must come to lock such a row.
 * @param meanwhile runs while all of them wait.
 * @returns what they answered, in the order of `changes`.
 */
export async function queueForTask<Changes extends readonly (() => Promise<unknown>)[]>(
  { url }: Pick<Market, 'url'>,
  tasks: string | readonly string[],
  changes: readonly [...Changes],
  meanwhile?: () => Promise<unknown>,
): Promise<{ [Each in keyof Changes]: Awaited<ReturnType<Changes[Each]>> }> {
  const [holder, watcher] = [new pg.Client(url), new pg.Client(url)];
  await Promise.all([holder.connect(), watcher.connect()]);
  const waiting = `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  try {
    await holder.query('begin');
    await holder.query('select id from tasks where id = any($1) for no key update', [[tasks].flat()]);
    const answers: Promise<unknown>[] = [];
    for (const change of changes) {
      const count = answers.push(change());
      await until(async () => (await watcher.query(waiting)).rowCount === count);
    }
    await meanwhile?.();
    await holder.query('commit');
    return (await Promise.all(answers)) as { [Each in keyof Changes]: Awaited<ReturnType<Changes[Each]>> };
  } finally {
    await Promise.all([holder.end(), watcher.end()]);
  }
}
