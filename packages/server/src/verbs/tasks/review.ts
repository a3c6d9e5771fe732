import type { ApproveRequest, RejectRequest, TaskResponse } from '@pinchwork/sdk';
import type { z } from 'zod';
import { deadlineAfter, minuteMs } from '../../ground/clock.ts';
import type { Call } from '../context.ts';
import type { Tx } from '../../storage/database.ts';
import { reviewOnce } from './rate.ts';
import { insertRejectedDelivery } from '../../rules/tasks/inserts.ts';
import { type MovedTask, transitionAt } from '../../rules/tasks/queries.ts';
import { personStatements } from '../../rules/tasks/statements.ts';
import { refusal } from '../../rules/tasks/refusal.ts';
import { moveCreditsAndRecord } from '../../rules/lifecycle/transition.ts';
import { taskView } from '../../rules/tasks/view.ts';

/** Accepts a delivery: the worker is paid, and rated if the poster says so. */
export function approve(call: Call, taskId: string, input: z.output<typeof ApproveRequest>): Promise<TaskResponse> {
  const { ctx, agentId } = call;
  return call.transact('approve', async (tx) => {
    const now = ctx.clock.now();
    const work = { ctx, tx, now };
    const task = await tx.first(personStatements.approve, { id: taskId, now, actor: agentId });
    if (task === undefined) throw await refusal(work, 'approve', { taskId, actorId: agentId });
    const rating = input.rating ?? null;
    const feedback = input.feedback ?? null;
    if (rating !== null || feedback !== null) {
      tx.send(reviewOnce, {
        task_id: taskId,
        reviewer_id: agentId,
        // A delivered task has its worker: the schema sees to it.
        reviewed_id: task.worker_id!,
        rating,
        feedback,
        created_at: now,
      });
    }
    await moveCreditsAndRecord(work, 'approve', task, {
      actorId: agentId,
      workerId: task.worker_id,
      rating,
    });
    return { ...taskView(task, agentId), rating, feedback };
  });
}

/**
 * Sends a delivery back with a reason. The worker has a short grace to deliver again; at the last rejection that a
 * claim bears (`MAX_REJECTIONS`) the task goes back to the board instead. The delivery stays on record.
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
      grace_end: deadlineAfter(now, ctx.config.rejectionGraceMinutes * minuteMs),
      max_rejections: ctx.config.maxRejections,
    };
    const kept = await tx.first(personStatements.reject, params);
    const task = kept ?? (await tx.first(personStatements.rejectForGood, params));
    if (task === undefined) throw await refusal(work, 'reject', { taskId, actorId: agentId });
    const workerId = task.worker_id ?? (await formerWorker(tx, task));
    keepAsEvidence(tx, task, workerId, now);
    await moveCreditsAndRecord(work, kept === undefined ? 'rejectForGood' : 'reject', task, {
      actorId: agentId,
      workerId,
    });
    return taskView(task, agentId);
  });
}

/** Whose claim it was that the transition just made has ended: the history's last row says so. */
async function formerWorker(tx: Tx, task: MovedTask): Promise<string> {
  const delivery = await tx.first(transitionAt, { task_id: task.id, version: task.version - 1 });
  if (delivery?.worker_id == null) throw new Error(`The history of ${task.id} does not say who delivered`);
  return delivery.worker_id;
}

function keepAsEvidence(tx: Tx, task: MovedTask, workerId: string, now: number): void {
  const { result, credits_charged, delivered_at, rejection_reason } = task;
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
