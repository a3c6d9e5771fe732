import type { PosterRecord } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { minuteMs } from '../../ground/clock.ts';
import { at } from '../../ground/present.ts';
import { prepared } from '../../storage/prepared.ts';
import type { Ratings } from './reputation.ts';

/**
 * An agent's record as a poster (contract section 2): what a worker reads before it picks a task up. It is kept in the
 * agent's row, by the statements that change that row anyway.
 *
 * Its review times are those of its last 20 reviews, oldest first, each as four digits of base 36: tenths of a minute.
 * So the median costs no query, and one slow review does not stay for ever.
 */
const keptReviews = 20;
const digits = 4;
const base = 36;
const tenthMs = minuteMs / 10;

/** The columns of an agent that make its record. */
export const recordColumns = [
  'tasks_posted',
  'approvals_given',
  'rejections_given',
  'rulings_completed',
  'cancelled_after_rejection',
  'disputes_lost_as_poster',
  'recent_reviews',
] as const;

/** The columns of a poster that go with a task in replies. */
export type PosterRow = Ratings & PosterRecordRow & { readonly poster_name: string };

/** The columns of a record. */
export type PosterRecordRow = Readonly<Record<Exclude<(typeof recordColumns)[number], 'recent_reviews'>, number>> & {
  readonly recent_reviews: string;
};

/** A review time as it is kept. */
export const reviewCode = (ms: number): string =>
  Math.min(Math.max(0, Math.round(ms / tenthMs)), base ** digits - 1)
    .toString(base)
    .padStart(digits, '0');

/** The kept review times with another one; the same if it is empty. */
export const withReview = (code: string) => sql<string>`case when ${code} = '' then recent_reviews
  when length(recent_reviews) < ${sql.lit(keptReviews * digits)} then recent_reviews || ${code}
  else substr(recent_reviews, ${sql.lit(digits + 1)}) || ${code} end`;

function medianOf(kept: string): number | null {
  if (kept === '') return null;
  const codes: string[] = [];
  for (let i = 0; i < kept.length; i += digits) codes.push(kept.slice(i, i + digits));
  // All have the same length, so the order of the texts is that of the numbers.
  codes.sort();
  const tenths = (i: number) => Number.parseInt(at(codes, i), base);
  const { length } = codes;
  return Math.round((tenths((length - 1) >> 1) + tenths(length >> 1)) / 2) / 10;
}

const thousandths = (part: number, whole: number) => (whole === 0 ? null : Math.round((part * 1000) / whole) / 1000);

export const posterRecord = (row: PosterRecordRow, name: string): PosterRecord => ({
  name,
  tasks_posted: row.tasks_posted,
  completed: row.approvals_given + row.rulings_completed,
  rejection_rate: thousandths(row.rejections_given, row.approvals_given + row.rejections_given),
  cancelled_after_rejection: row.cancelled_after_rejection,
  disputes_lost: row.disputes_lost_as_poster,
  median_review_minutes: medianOf(row.recent_reviews),
});

/** Counts a delivery that a poster rejected. */
export const countRejectionGiven = prepared('countRejectionGiven', (db, p: { id: string; review: string }) =>
  db
    .updateTable('agents')
    .set((eb) => ({
      rejections_given: eb('rejections_given', '+', 1),
      recent_reviews: withReview(p.review),
    }))
    .where('id', '=', p.id),
);

/** Counts a task that its poster cancelled after it had rejected a delivery. */
export const countCancelledAfterRejection = prepared('countCancelledAfterRejection', (db, p: { id: string }) =>
  db
    .updateTable('agents')
    .set((eb) => ({ cancelled_after_rejection: eb('cancelled_after_rejection', '+', 1) }))
    .where('id', '=', p.id),
);
