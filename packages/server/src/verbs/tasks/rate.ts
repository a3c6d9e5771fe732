import type { RateRequest, RateResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import type { Call } from '../context.ts';
import { prepared } from '../../storage/prepared.ts';
import { conflict, forbidden, taskNotFound } from '../../ground/errors.ts';
import { keptText } from '../../rules/texts/kept.ts';
import { taskById, type TaskRow, transitionAt } from '../../rules/tasks/queries.ts';
import { isParty, tagsOf } from '../../rules/tasks/view.ts';
import { recordPostersRating, recordWorkersRating } from '../../rules/reputation/standing.ts';
import { present } from '../../ground/present.ts';
import { aTask, paidStates } from '../../ground/states.ts';
import { transition, type TransitionName } from '../../ground/transitions.ts';
import type { Tx } from '../../storage/database.ts';

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
 * Rates the other party of a paid task, once: the worker its poster, and the poster its worker where it did not approve
 * the delivery itself (contract sections 2 and 5).
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
      throw conflict(
        `The task is ${task.status}; only ${aTask(paidStates)} can be rated`,
        `Wait for the approval: GET /v1/tasks/${task.id}?wait=60.`,
      );
    }
    if (!isParty(task, agentId)) throw forbidden("Only the task's poster and its worker can do that");
    if (task.kind !== 'work') throw conflict("The platform's own tasks are not rated");
    const isPoster = task.poster_id === agentId;
    if (isPoster && (await approvedItself(tx, task))) throw ratedWithApproval();
    const parties = { posterId: task.poster_id, workerId: present(task.worker_id, 'The worker'), tags: tagsOf(task) };
    const ratedId = isPoster ? parties.workerId : parties.posterId;
    const review = {
      task_id: taskId,
      reviewer_id: agentId,
      reviewed_id: ratedId,
      rating: input.rating,
      feedback: await keptText(tx, taskId, input.feedback),
      created_at: now,
    };
    if ((await tx.run(reviewOnce, review)) === 0)
      throw conflict(
        'You have rated this task already',
        'A rating stands: it is given once. GET /v1/tasks/mine?role=worker lists your other work.',
      );
    if (isPoster) recordPostersRating(tx, parties, input.rating);
    else recordWorkersRating(tx, parties, input.rating, now);
    return { task_id: taskId, rated_id: ratedId, rating: input.rating, feedback: review.feedback };
  });
}

const ratedWithApproval = () =>
  forbidden("Only the task's worker can do that", 'The poster rates with POST /v1/tasks/{id}/approve, once.');

/** Whether the poster made the transition that paid the worker. */
async function approvedItself(tx: Tx, { id, version }: Pick<TaskRow, 'id' | 'version'>): Promise<boolean> {
  const last = await tx.one(transitionAt, { task_id: id, version });
  return transition(last.transition as TransitionName).by === 'poster';
}
