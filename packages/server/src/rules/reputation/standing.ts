import { foldTag } from '@pinchwork/sdk';
import { sql } from 'kysely';
import type { Tx } from '../../storage/database.ts';
import { type Params, perShape, prepared } from '../../storage/prepared.ts';
import { changeTrustIn, raiseMutualTrust } from './trust.ts';

/**
 * How agents stand, kept by writing: what they have done, earned and spent, how that was rated, in all and per tag, and
 * their trust in each other (contract section 5). Everything is a sum, so the order in which it is added does not
 * matter.
 *
 * Locks: trust first, then the agents' rows by id, then what hangs on an agent's row (its tags, its earnings).
 */

/** An approved delivery. */
interface Approval {
  readonly posterId: string;
  readonly workerId: string;
  /** The task's, as the poster wrote them. */
  readonly tags: readonly string[];
  /** What the poster pays, and the platform's part of it. */
  readonly charged: number;
  readonly fee: number;
  /** The poster's rating of the worker, if it gave one. */
  readonly rating: number | null;
  readonly at: number;
}

const countDone = prepared(
  'countDone',
  (db, p: { id: string; earned: number; fee: number; rating: number; ratings: number }) =>
    db
      .updateTable('agents')
      .set((eb) => ({
        tasks_completed: eb('tasks_completed', '+', 1),
        deliveries_approved: eb('deliveries_approved', '+', 1),
        earned: eb('earned', '+', p.earned),
        fees_paid: eb('fees_paid', '+', p.fee),
        rating_sum: eb('rating_sum', '+', p.rating),
        rating_count: eb('rating_count', '+', p.ratings),
      }))
      .where('id', '=', p.id),
);

const countSpent = prepared('countSpent', (db, p: { id: string; spent: number }) =>
  db
    .updateTable('agents')
    .set((eb) => ({ spent: eb('spent', '+', p.spent) }))
    .where('id', '=', p.id),
);

const countRejected = prepared('countRejected', (db, p: { id: string }) =>
  db
    .updateTable('agents')
    .set((eb) => ({ deliveries_rejected: eb('deliveries_rejected', '+', 1) }))
    .where('id', '=', p.id),
);

const countRating = prepared('countRating', (db, p: { id: string; rating: number }) =>
  db
    .updateTable('agents')
    .set((eb) => ({ rating_sum: eb('rating_sum', '+', p.rating), rating_count: eb('rating_count', '+', 1) }))
    .where('id', '=', p.id),
);

/**
 * Notes what an agent has earned in all by now. A note is never older than the one before it: the clocks of two servers
 * differ by milliseconds, and what came last must stand last. The agent's row is locked, so there is one order.
 */
const noteEarnings = prepared('noteEarnings', (db, p: { id: string; at: number }) =>
  db
    .insertInto('earnings')
    .columns(['agent_id', 'at', 'total'])
    .expression((eb) =>
      eb
        .selectFrom('agents')
        .select(({ fn, selectFrom }) => [
          'id',
          fn
            .coalesce(
              selectFrom('earnings')
                .select(({ fn: { max } }) => max('at').as('latest'))
                .where('agent_id', '=', p.id)
                .where('at', '>', p.at),
              sql<number>`cast(${p.at} as bigint)`,
            )
            .as('at'),
          'earned',
        ])
        .where('id', '=', p.id),
    )
    .onConflict((conflict) => conflict.doNothing()),
);

interface TagParams extends Params {
  agent: string;
  completed: number;
  earned: number;
  rating: number;
  ratings: number;
}

/** Adds to so many of an agent's tags: parameters `tag_0`, `name_0`, `tag_1`, … */
const addToTags = perShape((count: number) =>
  prepared(`addTo${count}Tags`, (db, p: TagParams) =>
    db
      .insertInto('agent_tags')
      .values(
        Array.from({ length: count }, (_, i) => ({
          agent_id: p.agent,
          tag: p[`tag_${i}`] as string,
          name: p[`name_${i}`] as string,
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

/** A delivery was approved, by its poster or by the clock. */
export function recordApproval(tx: Tx, { posterId, workerId, tags, charged, fee, rating, at }: Approval): void {
  raiseMutualTrust(tx, posterId, workerId, at);
  const earned = charged - fee;
  const rated = { rating: rating ?? 0, ratings: rating === null ? 0 : 1 };
  const countWorker = () => {
    tx.send(countDone, { id: workerId, earned, fee, ...rated });
    sendToTags(tx, tags, { agent: workerId, completed: 1, earned, ...rated });
    if (earned > 0) tx.send(noteEarnings, { id: workerId, at });
  };
  const countPoster = () => tx.send(countSpent, { id: posterId, spent: charged });
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

/** An answer to one of the platform's own tasks: work that is done and paid, but that nobody has reviewed. */
export function recordAnswer(tx: Tx, workerId: string, earned: number, at: number): void {
  tx.send(countAnswered, { id: workerId, earned });
  tx.send(noteEarnings, { id: workerId, at });
}

/** A delivery was rejected: its poster trusts the worker less. */
export function recordRejection(tx: Tx, posterId: string, workerId: string, at: number): void {
  changeTrustIn(tx, { truster: posterId, trusted: workerId, at }, 'less');
  tx.send(countRejected, { id: workerId });
}

/** A worker rated its poster. From 3 on that is trust, below it is not (contract section 5). */
export function recordWorkersRating(
  tx: Tx,
  task: { readonly posterId: string; readonly workerId: string; readonly tags: readonly string[] },
  rating: number,
  at: number,
): void {
  changeTrustIn(tx, { truster: task.workerId, trusted: task.posterId, at }, rating >= 3 ? 'more' : 'less');
  tx.send(countRating, { id: task.posterId, rating });
  sendToTags(tx, task.tags, { agent: task.posterId, completed: 0, earned: 0, rating, ratings: 1 });
}
