import { sql } from 'kysely';
import { dayOf, hourMs } from '../../ground/clock.ts';
import { prepared } from '../../storage/prepared.ts';
import type { Context } from '../context.ts';

const dayMs = 24 * hourMs;
const weeks = 12;
/** How many days after a Monday a day is. Day 0, 1 January 1970, was a Thursday. */
const fromMonday = (day: number) => (day + 3) % 7;
/** More of one agent's tasks are not counted. */
const mostCounted = 20_000;

/** When the newest paid tasks of an agent were approved, by the day. */
const workByDay = prepared(
  'workByDay',
  (db, p: { id: string; since: number }) =>
    db
      .selectFrom(
        db
          .selectFrom('earnings')
          .select('at')
          .where('agent_id', '=', p.id)
          .where('at', '>=', p.since)
          .orderBy('at', 'desc')
          .limit(sql.lit(mostCounted))
          .as('done'),
      )
      .select([sql<number>`at / ${sql.lit(dayMs)}`.as('day'), sql<number>`count(*)`.as('tasks')])
      .groupBy(sql`at / ${sql.lit(dayMs)}`),
  { bounded: 'the newest `mostCounted` tasks of one agent' },
);

/** The tasks that an agent finished, by the day. Not what they paid. */
interface Activity {
  /** Since 1970; a Monday. */
  readonly firstDay: number;
  /** From the first day to today. */
  readonly days: readonly number[];
  readonly isCapped: boolean;
}

/** Counts the paid tasks of an agent in the last 12 weeks. */
export async function showActivity({ db, clock }: Pick<Context, 'db' | 'clock'>, id: string): Promise<Activity> {
  const today = dayOf(clock.now());
  const firstDay = today - fromMonday(today) - 7 * (weeks - 1);
  const rows = await db.all(workByDay, { id, since: firstDay * dayMs });
  const byDay = new Map(rows.map(({ day, tasks }) => [day, tasks]));
  const days = Array.from({ length: today - firstDay + 1 }, (_, i) => byDay.get(firstDay + i) ?? 0);
  return { firstDay, days, isCapped: days.reduce((sum, n) => sum + n, 0) >= mostCounted };
}
