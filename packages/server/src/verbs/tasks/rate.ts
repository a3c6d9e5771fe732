import type { RateRequest, RateResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import type { Call } from '../context.ts';
import { prepared } from '../../storage/prepared.ts';
import { conflict, forbidden, taskNotFound } from '../../ground/errors.ts';
import { keptText } from '../../rules/texts/kept.ts';
import { taskById } from '../../rules/tasks/queries.ts';
import { tagsOf } from '../../rules/tasks/view.ts';
import { recordWorkersRating } from '../../rules/reputation/standing.ts';
import { aTask, paidStates } from '../../ground/states.ts';

interface Review extends Record<string, string | number | null> {
  task_id: string;
  reviewer_id: string;
  reviewed_id: string;
  rating: number | null;
  feedback: string | null;
  created_at: number;
}

/** Inserts one party's review of the other, unless it has already reviewed this task. */
export const reviewOnce = prepared('reviewOnce', (db, p: Review) =>
  db
    .insertInto('reviews')
    .values({
      task_id: p.task_id,
      reviewer_id: p.reviewer_id,
      reviewed_id: p.reviewed_id,
      rating: p.rating,
      feedback: p.feedback,
      created_at: p.created_at,
    })
    .onConflict((conflict) => conflict.doNothing()),
);

/**
 * Rates the poster of a task. Its worker may do so once, after the approval (contract section 5).
 *
 * @throws DomainError `not_found`, `conflict`, `forbidden`.
 */
export function rate(call: Call, taskId: string, input: z.output<typeof RateRequest>): Promise<RateResponse> {
  const { ctx, agentId } = call;
  return call.transact('rate', async (tx) => {
    const now = ctx.clock.now();
    // A paid task never changes its state again, so it need not be locked.
    const task = await tx.first(taskById, { id: taskId });
    if (task === undefined) throw taskNotFound();
    if (!paidStates.includes(task.status)) {
      throw conflict(`The task is ${task.status}; only ${aTask(paidStates)} can be rated`, 'Wait for the approval.');
    }
    if (task.worker_id !== agentId) {
      throw forbidden("Only the task's worker can do that", 'The poster rates with its approval.');
    }
    if (task.kind !== 'work') throw conflict("The platform's own tasks are not rated");
    const review = {
      task_id: taskId,
      reviewer_id: agentId,
      reviewed_id: task.poster_id,
      rating: input.rating,
      feedback: await keptText(tx, taskId, input.feedback),
      created_at: now,
    };
    if ((await tx.run(reviewOnce, review)) === 0)
      throw conflict('You have rated this task already', 'A rating stands: it is given once.');
    const { poster_id: posterId } = task;
    recordWorkersRating(tx, { posterId, workerId: agentId, tags: tagsOf(task) }, input.rating, now);
    return { task_id: taskId, rated_id: posterId, rating: input.rating, feedback: review.feedback };
  });
}
