import type { ApproveRequest, RejectRequest, TaskResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { deadlineAfter, minuteMs } from '../../ground/clock.ts';
import { transitions } from '../../ground/machine.ts';
import { present } from '../../ground/present.ts';
import type { Call } from '../context.ts';
import type { Tx } from '../../storage/database.ts';
import { reviewOnce } from './rate.ts';
import { disputeOf, endDispute } from '../../rules/disputes/end.ts';
import { addDispute } from '../../rules/disputes/view.ts';
import type { Work } from '../../storage/ground.ts';
import { insertRejectedDelivery } from '../../rules/tasks/inserts.ts';
import { type MovedTask, taskById, transitionAt } from '../../rules/tasks/queries.ts';
import { personStatements } from '../../rules/tasks/statements.ts';
import { refusal } from '../../rules/tasks/refusal.ts';
import { endOffer, endOfferOnBoard } from '../../rules/lifecycle/offers.ts';
import { moveCreditsAndRecord } from '../../rules/lifecycle/transition.ts';
import { readTerms } from '../../rules/tasks/terms.ts';
import { taskView } from '../../rules/tasks/view.ts';

/**
 * Approves a delivery, or concedes its dispute: pays the worker, and rates it if the poster gives a rating (contract sections 3 to 5).
 *
 * @throws DomainError `not_found`, `conflict`, `forbidden`.
 */
export function approve(call: Call, taskId: string, input: z.output<typeof ApproveRequest>): Promise<TaskResponse> {
  const { ctx, agentId } = call;
  return call.transact('approve', async (tx) => {
    const now = ctx.clock.now();
    const work = { ctx, tx, now };
    const by = { id: taskId, now, actor: agentId };
    const delivered = await tx.first(personStatements.approve, by);
    const task = delivered ?? (await tx.first(personStatements.concede, by));
    if (task === undefined) throw await refusal(work, await meantByApproval(tx, taskId), { taskId, actorId: agentId });
    const rating = input.rating ?? null;
    const feedback = task.texts_removed === null ? (input.feedback ?? null) : null;
    if (rating !== null || feedback !== null) {
      tx.send(reviewOnce, {
        task_id: taskId,
        reviewer_id: agentId,
        // A delivered task has a worker; a CHECK of the schema ensures it.
        reviewed_id: present(task.worker_id, 'The worker'),
        rating,
        feedback,
        created_at: now,
      });
    }
    if (delivered === undefined) await concede(work, task, rating);
    else await moveCreditsAndRecord(work, 'approve', task, { actorId: agentId, workerId: task.worker_id, rating });
    const view = taskView(task, await readTerms(tx, task), { rating, feedback });
    return addDispute(tx, view, task, agentId);
  });
}

/** What approving means for a task: on a disputed one, its poster concedes. */
async function meantByApproval(tx: Tx, taskId: string): Promise<'approve' | 'concede'> {
  const task = await tx.first(taskById, { id: taskId });
  return task?.status === transitions.concede.from ? 'concede' : 'approve';
}

/** Ends the dispute of a task whose poster pays after all. */
async function concede(work: Work, task: MovedTask, rating: number | null): Promise<void> {
  const dispute = await disputeOf(work.tx, task.id);
  await endDispute(work, 'concede', task, {
    dispute,
    status: 'conceded',
    share: 100,
    credits: dispute.charged,
    explanation: null,
    forfeits: false,
    actorId: task.poster_id,
    rating,
  });
}

/**
 * Rejects a delivery with a reason. The worker may deliver again during the grace, unless this is the last rejection
 * that a claim may have (`maxRejections`) or excludes it from the task. The delivery is kept as evidence (contract
 * section 3).
 *
 * @throws DomainError `not_found`, `conflict`, `forbidden`.
 */
export function reject(call: Call, taskId: string, input: z.output<typeof RejectRequest>): Promise<TaskResponse> {
  const { ctx, agentId } = call;
  return call.transact('reject', async (tx) => {
    const now = ctx.clock.now();
    const work = { ctx, tx, now };
    const params = {
      id: taskId,
      now,
      actor: agentId,
      reason: input.reason,
      feedback: input.feedback ?? null,
      exclude: Number(input.exclude ?? false),
      from: deadlineAfter(now, 0),
      default_grace: deadlineAfter(0, ctx.config.rejectionGraceMinutes * minuteMs),
      last_grace: deadlineAfter(0, ctx.config.disputeWindowMinutes * minuteMs),
      max_rejections: ctx.config.maxRejections,
    };
    const kept = await tx.first(personStatements.reject, params);
    const task = kept ?? (await tx.first(personStatements.rejectSuspended, params));
    if (task === undefined) throw await refusal(work, 'reject', { taskId, actorId: agentId });
    const workerId = task.worker_id ?? (await formerWorker(tx, task));
    keepAsEvidence(tx, task, workerId, now);
    const isOffered = params.exclude === 1 && task.is_for_chosen === 1;
    // The claim of a suspended worker has ended: the task is on the board already.
    if (isOffered) await (kept === undefined ? endOfferOnBoard : endOffer)(work, taskId, workerId);
    await moveCreditsAndRecord(work, kept === undefined ? 'rejectSuspended' : 'reject', task, {
      actorId: agentId,
      workerId,
    });
    if (!isOffered) return addDispute(tx, taskView(task, await readTerms(tx, task)), task, agentId);
    const left = await tx.one(taskById, { id: taskId });
    return addDispute(tx, taskView(left, await readTerms(tx, left)), left, agentId);
  });
}

/** The worker whose claim the transition has just ended, from the previous row of the history. */
async function formerWorker(tx: Tx, task: MovedTask): Promise<string> {
  const delivery = await tx.first(transitionAt, { task_id: task.id, version: task.version - 1 });
  if (delivery?.worker_id == null) throw new Error(`The history of ${task.id} does not say who delivered`);
  return delivery.worker_id;
}

function keepAsEvidence(tx: Tx, task: MovedTask, workerId: string, now: number): void {
  const { credits_charged, delivered_at, rejection_reason } = task;
  const result = task.result ?? (task.texts_removed === null ? null : '');
  if (result === null || credits_charged === null || delivered_at === null || rejection_reason === null) {
    throw new Error(`${task.id} has no delivery to keep`);
  }
  tx.send(insertRejectedDelivery, {
    task_id: task.id,
    version: task.version,
    claim_number: task.claim_number,
    worker_id: workerId,
    result,
    credits_charged,
    delivered_at,
    rejected_at: now,
    reason: rejection_reason,
    feedback: task.rejection_feedback,
  });
}
