import { platformId } from '@pinchwork/sdk';
import { sql } from 'kysely';
import { hourMs, secondMs } from '../../ground/clock.ts';
import type { Work } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import { counting, insertion, prepared, preparedSql } from '../../storage/prepared.ts';

/**
 * What the platform may spend on its own tasks (contract section 6): so many of them about one poster's tasks in 24
 * hours, and so many credits for all in an hour. Both are reserved in the transaction that posts the task, and released
 * when it is cancelled, so that nobody can farm credits with an accomplice, however many requests come at once.
 *
 * Credits are summed up by periods of ten seconds: a window of an hour is then a few hundred rows, and what was reserved
 * counts at most ten seconds longer than an hour, never shorter.
 */
export const quotaMs = 24 * hourMs;
const periodMs = 10 * secondMs;
/** Periods that count besides the current one. */
const periods = hourMs / periodMs;

const periodOf = (atMs: number) => Math.floor(atMs / periodMs);

/** The periods up to this one no longer count. */
export const spentPeriod = (nowMs: number) => periodOf(nowMs) - periods - 1;

const holdAgent = prepared('holdAgent', (db, p: { id: string }, engine) =>
  engine.hold(db.selectFrom('agents').select('id').where('id', '=', p.id)),
);

const countRecent = counting('countRecentSystemTasks', (db, p: { poster_id: string; since: number }) =>
  db
    .selectFrom('system_tasks_posted')
    .select('task_id')
    .where('poster_id', '=', p.poster_id)
    .where('posted_at', '>', p.since),
);

const spentSince = prepared('spentSince', (db, p: { since: number }) =>
  db
    .selectFrom('system_spending')
    .select(sql<number>`coalesce(sum(credits), 0)`.as('credits'))
    .where('period', '>', p.since),
);

/** Adds to the current period if the window then holds no more than `most`. No row: it would. Needs the purse held. */
const spendIfLeft = preparedSql<{ period: number; since: number; credits: number; most: number }, { credits: number }>(
  'spendIfLeft',
  (p) => {
    const others = sql`(select coalesce(sum(s.credits), 0) from system_spending s
    where s.period > ${p.since} and s.period <> ${p.period})`;
    return sql`insert into system_spending (period, credits)
    select cast(${p.period} as bigint), cast(${p.credits} as bigint) where ${others} + ${p.credits} <= ${p.most}
    on conflict (period) do update set credits = system_spending.credits + excluded.credits
      where ${others} + system_spending.credits + ${p.credits} <= ${p.most}
    returning credits`;
  },
);

const unspend = prepared('unspend', (db, p: { period: number; credits: number }) =>
  db
    .updateTable('system_spending')
    .set({ credits: sql<number>`case when credits > ${p.credits} then credits - ${p.credits} else 0 end` })
    .where('period', '=', p.period),
);

export const insertPosted = insertion('system_tasks_posted', 'task_id', 'poster_id', 'posted_at');

const deletePosted = prepared('deletePosted', (db, p: { task_id: string }) =>
  db.deleteFrom('system_tasks_posted').where('task_id', '=', p.task_id),
);

/**
 * Reserves the price of a task of the platform. Locks the poster's row and then the platform's, which is its purse, so
 * call it before accounts and cursors are locked. With the purse held nobody else is spending, in whatever period.
 *
 * @param posterId whose task it is about; null when it is about none.
 * @returns whether there was enough left.
 */
export async function reserve(
  { ctx, tx, now }: Work,
  { posterId, price }: { posterId: string | null; price: number },
): Promise<boolean> {
  const { perPosterPerDay, creditsPerHour } = ctx.config.systemTasks;
  if (posterId !== null) {
    await tx.first(holdAgent, { id: posterId });
    const recent = { poster_id: posterId, since: now - quotaMs, limit: perPosterPerDay + 1 };
    if ((await tx.first(countRecent, recent))!.total >= perPosterPerDay) return false;
  }
  if (creditsPerHour === undefined) return true;
  const period = periodOf(now);
  const spending = { period, since: period - periods - 1, credits: price, most: creditsPerHour };
  // Once the hour is spent nobody queues for the purse.
  if ((await tx.first(spentSince, spending))!.credits + price > creditsPerHour) return false;
  await tx.first(holdAgent, { id: platformId });
  return (await tx.first(spendIfLeft, spending)) !== undefined;
}

/** Gives back what a task reserved that is cancelled. */
export function release(tx: Tx, task: { id: string; max_credits: number; created_at: number }): void {
  tx.send(deletePosted, { task_id: task.id });
  tx.send(unspend, { period: periodOf(task.created_at), credits: task.max_credits });
}
