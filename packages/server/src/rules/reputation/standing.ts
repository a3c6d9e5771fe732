import { countRejectionGiven, withReview } from './poster-record.ts';
import { foldTag } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import type { Tx } from '../../storage/database.ts';
import { numberedText, type Params, perShape, prepared } from '../../storage/prepared.ts';
import { changeTrustIn, noteRatingOf, raiseMutualTrust } from './trust.ts';

/**
 * The counts and sums behind reputation, statistics and trust (contract section 5): completed tasks, credits earned
 * and spent, ratings, each in total and per tag. They are updated by each write, never recomputed. All are sums, so
 * the order of the updates does not matter.
 *
 * Order of locks: trust, then the agents' rows by id, then the rows that belong to an agent (tags, earnings).
 */

/** An approved delivery. */
interface Approval {
  readonly posterId: string;
  readonly workerId: string;
  /** The task's tags as the poster wrote them, not folded. */
  readonly tags: readonly string[];
  /** Credits that the poster pays. */
  readonly charged: number;
  /** The platform's part of `charged`, in credits. */
  readonly fee: number;
  /** The poster's rating of the worker, 1 to 5; null if it gave none. */
  readonly rating: number | null;
  /** How long the poster took to review it (`reviewCode`); empty where it did not review it. */
  readonly review: string;
  readonly at: number;
}

/**
 * What a new rating changes in the figures over raters. It is noted in the rater's row of trust already, which so has all
 * its ratings of this agent. Everything is whole, so that the figures never drift.
 */
const newRater = (p: { id: string; rater: string; ratings: number }) => sql<number>`raters + case when ${p.ratings} = 1
  then (select case when t.ratings = 1 then 1 else 0 end from trust t
    where t.truster_id = ${p.rater} and t.trusted_id = ${p.id}) else 0 end`;
const newMeans = (p: {
  id: string;
  rater: string;
  rating: number;
  ratings: number;
}) => sql<number>`rater_means_e3 + case when ${p.ratings} = 1
  then (select 1000 * t.stars / t.ratings
      - case when t.ratings = 1 then 0 else 1000 * (t.stars - cast(${p.rating} as bigint)) / (t.ratings - 1) end from trust t
    where t.truster_id = ${p.rater} and t.trusted_id = ${p.id}) else 0 end`;

const countDone = prepared(
  'countDone',
  (db, p: { id: string; rater: string; earned: number; fee: number; rating: number; ratings: number }) =>
    db
      .updateTable('agents')
      .set((eb) => ({
        tasks_completed: eb('tasks_completed', '+', 1),
        deliveries_approved: eb('deliveries_approved', '+', 1),
        earned: eb('earned', '+', p.earned),
        fees_paid: eb('fees_paid', '+', p.fee),
        rating_sum: eb('rating_sum', '+', p.rating),
        rating_count: eb('rating_count', '+', p.ratings),
        raters: newRater(p),
        rater_means_e3: newMeans(p),
      }))
      .where('id', '=', p.id),
);

const countSpent = prepared('countSpent', (db, p: { id: string; spent: number; review: string }) =>
  db
    .updateTable('agents')
    .set((eb) => ({
      spent: eb('spent', '+', p.spent),
      approvals_given: eb('approvals_given', '+', 1),
      recent_reviews: withReview(p.review),
    }))
    .where('id', '=', p.id),
);

const countRejected = prepared('countRejected', (db, p: { id: string }) =>
  db
    .updateTable('agents')
    .set((eb) => ({ deliveries_rejected: eb('deliveries_rejected', '+', 1) }))
    .where('id', '=', p.id),
);

const countRating = prepared('countRating', (db, p: { id: string; rater: string; rating: number; ratings: number }) =>
  db
    .updateTable('agents')
    .set((eb) => ({
      rating_sum: eb('rating_sum', '+', p.rating),
      rating_count: eb('rating_count', '+', p.ratings),
      raters: newRater(p),
      rater_means_e3: newMeans(p),
    }))
    .where('id', '=', p.id),
);

/**
 * Adds a row with the total that an agent has earned by now. Its time is never before that of the agent's previous row,
 * although clocks of two servers differ by milliseconds: the last total must be the latest row. The agent's row is
 * locked, so the rows have one order.
 */
const noteEarnings = prepared('noteEarnings', (db, p: { id: string; at: number }) =>
  db
    .insertInto('earnings')
    // Values, not a SELECT: one that reads the table that it adds to makes SQLite build a temporary table.
    .values((eb) => ({
      agent_id: p.id,
      at: eb.fn.coalesce(
        eb
          .selectFrom('earnings')
          .select(({ fn }) => fn.max('at').as('latest'))
          .where('agent_id', '=', p.id)
          .where('at', '>', p.at),
        sql<number>`cast(${p.at} as bigint)`,
      ),
      total: eb.selectFrom('agents').select('earned').where('id', '=', p.id),
    }))
    .onConflict((conflict) => conflict.doNothing()),
);

interface TagParams extends Params {
  agent: string;
  completed: number;
  earned: number;
  rating: number;
  ratings: number;
}

/** Adds to the sums of `count` tags of an agent: parameters `tag_0`, `name_0`, `tag_1`, … */
const addToTags = perShape((count: number) =>
  prepared(`addTo${count}Tags`, (db, p: TagParams) =>
    db
      .insertInto('agent_tags')
      .values(
        Array.from({ length: count }, (_, i) => ({
          agent_id: p.agent,
          tag: numberedText(p, 'tag', i),
          name: numberedText(p, 'name', i),
          tasks_completed: p.completed,
          earned: p.earned,
          rating_sum: p.rating,
          rating_count: p.ratings,
        })),
      )
      .onConflict((conflict) =>
        conflict.columns(['agent_id', 'tag']).doUpdateSet((eb) => ({
          tasks_completed: eb('agent_tags.tasks_completed', '+', p.completed),
          earned: eb('agent_tags.earned', '+', p.earned),
          rating_sum: eb('agent_tags.rating_sum', '+', p.rating),
          rating_count: eb('agent_tags.rating_count', '+', p.ratings),
        })),
      ),
  ),
);

function sendToTags(tx: Tx, tags: readonly string[], sums: TagParams): void {
  if (tags.length === 0) return;
  const params: TagParams = { ...sums };
  for (const [i, name] of tags.entries()) {
    params[`tag_${i}`] = foldTag(name);
    params[`name_${i}`] = name;
  }
  tx.send(addToTags(tags.length), params);
}

/** Counts an approved delivery for worker and poster; its poster or the clock approved it. */
export function recordApproval(tx: Tx, approval: Approval): void {
  const { posterId, workerId, tags, charged, fee, rating, review, at } = approval;
  raiseMutualTrust(tx, { rater: posterId, rated: workerId, rating }, at);
  const earned = charged - fee;
  const rated = { rating: rating ?? 0, ratings: rating === null ? 0 : 1 };
  const countWorker = () => {
    tx.send(countDone, { id: workerId, rater: posterId, earned, fee, ...rated });
    sendToTags(tx, tags, { agent: workerId, completed: 1, earned, ...rated });
    if (earned > 0) tx.send(noteEarnings, { id: workerId, at });
  };
  const countPoster = () => tx.send(countSpent, { id: posterId, spent: charged, review });
  if (workerId < posterId) {
    countWorker();
    countPoster();
  } else {
    countPoster();
    countWorker();
  }
}

/** The end of a dispute by a ruling or by default (contract section 3a). */
interface Ruling extends Omit<Approval, 'rating' | 'review'> {
  /** The worker's share of its charge, in percent. */
  readonly share: number;
  /** Nobody ruled, so nobody lost. */
  readonly isDefault: boolean;
}

/** From this share on, the worker has completed the task, and the poster has lost the dispute. */
export const winningShare = 50;

const countRuled = prepared(
  'countRuled',
  (db, p: { id: string; completed: number; earned: number; fee: number; lost: number }) =>
    db
      .updateTable('agents')
      .set((eb) => ({
        tasks_completed: eb('tasks_completed', '+', p.completed),
        earned: eb('earned', '+', p.earned),
        fees_paid: eb('fees_paid', '+', p.fee),
        disputes_lost: eb('disputes_lost', '+', p.lost),
      }))
      .where('id', '=', p.id),
);

const countRuledFor = prepared(
  'countRuledForPoster',
  (db, p: { id: string; spent: number; completed: number; lost: number }) =>
    db
      .updateTable('agents')
      .set((eb) => ({
        spent: eb('spent', '+', p.spent),
        rulings_completed: eb('rulings_completed', '+', p.completed),
        disputes_lost_as_poster: eb('disputes_lost_as_poster', '+', p.lost),
      }))
      .where('id', '=', p.id),
);

/** Counts a ruling for worker and poster: what it paid and who lost. It moves no trust and no rate of approvals. */
export function recordRuling(tx: Tx, { posterId, workerId, tags, charged, fee, share, isDefault, at }: Ruling): void {
  const earned = charged - fee;
  const completed = Number(charged > 0 && share >= winningShare);
  const lost = isDefault ? 0 : 1;
  const countWorker = () => {
    tx.send(countRuled, { id: workerId, completed, earned, fee, lost: charged === 0 ? lost : 0 });
    if (charged > 0) sendToTags(tx, tags, { agent: workerId, completed, earned, rating: 0, ratings: 0 });
    if (earned > 0) tx.send(noteEarnings, { id: workerId, at });
  };
  const countPoster = () =>
    tx.send(countRuledFor, {
      id: posterId,
      spent: charged,
      completed,
      lost: share >= winningShare && charged > 0 ? lost : 0,
    });
  if (workerId < posterId) {
    countWorker();
    countPoster();
  } else {
    countPoster();
    countWorker();
  }
}

const countAnswered = prepared('countAnswered', (db, p: { id: string; earned: number }) =>
  db
    .updateTable('agents')
    .set((eb) => ({ tasks_completed: eb('tasks_completed', '+', 1), earned: eb('earned', '+', p.earned) }))
    .where('id', '=', p.id),
);

/** Counts an answered system task for its worker: completed and paid, but not reviewed. */
export function recordSystemAnswer(tx: Tx, workerId: string, earned: number, at: number): void {
  tx.send(countAnswered, { id: workerId, earned });
  tx.send(noteEarnings, { id: workerId, at });
}

/** Counts a rejected delivery: it lowers the poster's trust in the worker. */
export function recordRejection(
  tx: Tx,
  { posterId, workerId, review, at }: Pick<Approval, 'posterId' | 'workerId' | 'review' | 'at'>,
): void {
  changeTrustIn(tx, { truster: posterId, trusted: workerId, at }, 'less');
  const countPoster = () => tx.send(countRejectionGiven, { id: posterId, review });
  if (posterId < workerId) countPoster();
  tx.send(countRejected, { id: workerId });
  if (posterId > workerId) countPoster();
}

/**
 * Counts a worker's rating of its poster. A rating of 3 or more raises the worker's trust, less lowers it (contract
 * section 5).
 */
export function recordWorkersRating(
  tx: Tx,
  task: { readonly posterId: string; readonly workerId: string; readonly tags: readonly string[] },
  rating: number,
  at: number,
): void {
  changeTrustIn(tx, { truster: task.workerId, trusted: task.posterId, at }, rating >= 3 ? 'more' : 'less', rating);
  tx.send(countRating, { id: task.posterId, rater: task.workerId, rating, ratings: 1 });
  sendToTags(tx, task.tags, { agent: task.posterId, completed: 0, earned: 0, rating, ratings: 1 });
}

/** Counts a poster's rating of its worker that did not come with an approval of its own. It moves no trust. */
export function recordPostersRating(
  tx: Tx,
  task: { readonly posterId: string; readonly workerId: string; readonly tags: readonly string[] },
  rating: number,
): void {
  tx.send(noteRatingOf, { truster: task.posterId, trusted: task.workerId, stars: rating });
  tx.send(countRating, { id: task.workerId, rater: task.posterId, rating, ratings: 1 });
  sendToTags(tx, task.tags, { agent: task.workerId, completed: 0, earned: 0, rating, ratings: 1 });
}
