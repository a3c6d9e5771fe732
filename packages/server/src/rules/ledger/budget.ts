import { platformId, type SystemTaskKind } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { hourMs, secondMs } from '../../ground/clock.ts';
import { causedSince, shareOfCause, shareOfDisputes } from '../agents/helpers.ts';
import { holdAgent } from '../agents/key-queries.ts';
import type { Work } from '../../storage/ground.ts';
import type { Reader, Tx } from '../../storage/database.ts';
import { counting, insertion, prepared, preparedSql } from '../../storage/prepared.ts';

/**
 * The caps on system tasks (contract section 6): `perPosterPerDay` system tasks about one poster's tasks in 24 hours,
 * and `creditsPerHour` credits for all of them in an hour. The transaction that posts a system task reserves both;
 * they are released if the task is cancelled. So two accomplices cannot farm credits, even with simultaneous
 * requests.
 *
 * Credits are summed per period of ten seconds. So a window of an hour has a few hundred rows, and a reservation
 * counts for an hour and at most ten seconds more, never less than an hour.
 */
export const quotaMs = 24 * hourMs;
const periodMs = 10 * secondMs;
/** Number of earlier periods that count, in addition to the current one. */
const periods = hourMs / periodMs;

const periodOf = (atMs: number) => Math.floor(atMs / periodMs);

/** The last period that no longer counts. */
export const spentPeriod = (nowMs: number) => periodOf(nowMs) - periods - 1;

// Kysely takes literals in a list, but its types ask for values.
const literals = (...kinds: SystemTaskKind[]) => kinds.map((kind) => sql.lit(kind) as unknown as SystemTaskKind);

const countOf = (name: string, ...kinds: SystemTaskKind[]) =>
  counting(name, (db, p: { poster_id: string; since: number }) =>
    db
      .selectFrom('system_tasks_posted')
      .select('task_id')
      .where('poster_id', '=', p.poster_id)
      .where('posted_at', '>', p.since)
      .where('kind', 'in', literals(...kinds)),
  );

const countRecent = countOf('countRecentSystemTasks', 'match', 'verify');
const countRecentSeats = countOf('countRecentSeats', 'judge');

const spentSince = prepared('platformSpentSince', (db, p: { since: number }) =>
  db
    .selectFrom('system_spending')
    .select(sql<number>`coalesce(sum(credits), 0)`.as('credits'))
    .where('period', '>', p.since),
);

/** What system tasks have cost in the last hour. */
export async function creditsSpent(reader: Reader, now: number): Promise<number> {
  return (await reader.one(spentSince, { since: periodOf(now) - periods - 1 })).credits;
}

/**
 * Adds to the current period, if the window then has at most `most` credits; else returns no row. Needs a locked
 * purse.
 */
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

export const insertPosted = insertion('system_tasks_posted', 'task_id', 'poster_id', 'posted_at', 'kind', 'credits');

const deletePosted = prepared('deletePosted', (db, p: { task_id: string }) =>
  db.deleteFrom('system_tasks_posted').where('task_id', '=', p.task_id),
);

/**
 * Reserves the price of a system task. Locks the row of its cause and then the platform's, which stands for the purse, so
 * call it before accounts and cursors are locked. While the purse is locked, no other transaction can spend, in any
 * period.
 *
 * @param cause the poster of the task that it is about, or the agent whose profile it is about.
 * @param price credits.
 * @returns whether the caps and the cause's share allow it.
 */
export async function reserve(
  { ctx, tx, now }: Work,
  { kind, cause, price }: { kind: SystemTaskKind; cause: string; price: number },
): Promise<boolean> {
  const { perPosterPerDay, creditsPerHour } = ctx.config.systemTasks;
  await tx.first(holdAgent, { id: cause });
  if (kind !== 'extract') {
    const recent = { poster_id: cause, since: now - quotaMs, limit: perPosterPerDay + 1 };
    const { total } = await tx.one(kind === 'judge' ? countRecentSeats : countRecent, recent);
    if (total >= perPosterPerDay) return false;
  }
  if (creditsPerHour === undefined) return true;
  const isJudge = kind === 'judge';
  const caused = (await tx.one(causedSince(isJudge ? 'judge' : 'other'), { cause, since: now - hourMs })).credits;
  if (caused > 0 && caused + price > (isJudge ? shareOfDisputes : shareOfCause)(ctx.config)) return false;
  const period = periodOf(now);
  const spending = { period, since: period - periods - 1, credits: price, most: creditsPerHour };
  // If the budget of the hour is spent, do not wait for the lock on the purse.
  if ((await tx.one(spentSince, spending)).credits + price > creditsPerHour) return false;
  await tx.first(holdAgent, { id: platformId });
  return (await tx.first(spendIfLeft, spending)) !== undefined;
}

/** Releases the reservation of a cancelled system task. */
export function release(tx: Tx, task: { id: string; max_credits: number; created_at: number }): void {
  tx.send(deletePosted, { task_id: task.id });
  tx.send(unspend, { period: periodOf(task.created_at), credits: task.max_credits });
}
