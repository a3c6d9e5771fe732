import { type AdminCancelResponse, cancelledDispute, type RedactResponse, type TaskStatus } from '@pinchwork/sdk/table';
import { conflict, taskNotFound } from '../../ground/errors.ts';
import { aTask, openStates } from '../../ground/states.ts';
import { cancellations, transition } from '../../ground/transitions.ts';
import { moveCreditsAndRecord } from '../../rules/lifecycle/transition.ts';
import { disputeOf, endDispute } from '../../rules/disputes/end.ts';
import { logAction } from '../../rules/operator/admin-log.ts';
import { expireOnReturn } from '../../rules/operator/queries.ts';
import { type HeldTask, holdTask, type MovedTask, taskById, type TaskRow } from '../../rules/tasks/queries.ts';
import { adminStatements } from '../../rules/tasks/statements.ts';
import { forgetReplies } from '../../rules/texts/replies.ts';
import { removeTexts } from '../../rules/texts/remove.ts';
import type { Work } from '../../storage/ground.ts';
import type { Call } from '../context.ts';

type OperatorCall = Pick<Call, 'ctx' | 'address' | 'transact'>;

/** The operator's cancellation of a task in a state; undefined if the state has none. */
const cancellationFrom = (status: TaskStatus) => cancellations.find((name) => transition(name).from === status);

/**
 * Cancels an open task for the operator and returns its escrow to the poster (contract section 3).
 *
 * @throws DomainError `not_found`; `conflict` if it has ended, or the clock ends its state.
 */
export function cancelAsAdmin(call: OperatorCall, taskId: string, reason: string): Promise<AdminCancelResponse> {
  const { ctx } = call;
  return call.transact('admin cancel', async (tx) => {
    const work = { ctx, tx, now: ctx.clock.now() };
    const task = await tx.first(holdTask, { id: taskId });
    if (task === undefined) throw taskNotFound();
    if (task.kind !== 'work') throw systemTask();
    const cancelled = await cancel(work, task, reason);
    if (cancelled === undefined) throw refusal(task);
    const { status } = cancelled;
    logAction(call, tx, {
      action: 'cancel_task',
      subject: taskId,
      before: { status: task.status, worker_id: task.worker_id },
      after: { status, refunded: cancelled.max_credits, reason },
    });
    return { task_id: taskId, status, reason, refunded: cancelled.max_credits };
  });
}

/**
 * Removes all texts of a task for good (contract section 2, "Redacting a task"). A posted task is cancelled. A task that
 * goes on never returns to the board: it expires when its claim ends. A repeated request does all of it again.
 *
 * @throws DomainError `not_found`; `conflict` for a system task, which shows only texts of the task that it is about.
 */
export async function redactTask(call: OperatorCall, taskId: string, reason: string): Promise<RedactResponse> {
  const { ctx } = call;
  const found = await ctx.db.first(taskById, { id: taskId });
  if (found === undefined) throw taskNotFound();
  if (found.kind !== 'work') throw systemTask();
  // Before the removal too: a server that stops right after it leaves no text in a stored reply.
  await forgetReplies(ctx, taskId);
  const redacted = await call.transact('redact', async (tx): Promise<RedactResponse> => {
    const work = { ctx, tx, now: ctx.clock.now() };
    const task = await removeTexts(tx, { taskId, by: 'operator' });
    if (task === undefined) throw taskNotFound();
    const isWaiting = transition('cancelPosted').from === task.status;
    const status = (isWaiting ? await cancel(work, task, reason) : undefined)?.status ?? task.status;
    // A claim that ends puts it on the board, where the clock then ends it at once.
    tx.send(expireOnReturn, { id: taskId, now: work.now });
    logAction(call, tx, {
      action: 'redact_task',
      subject: taskId,
      before: { status: task.status, texts_removed: task.texts_removed },
      after: { status, texts_removed: 'operator', reason },
    });
    tx.signal(taskId);
    return { task_id: taskId, status, reason, texts_removed: 'operator' };
  });
  // Again, for replies that were stored meanwhile.
  await forgetReplies(ctx, taskId);
  await ctx.db.scrub();
  return redacted;
}

/** Cancels a locked task, with the `tags` and `hints` that the board knows. @returns undefined if its state can't be cancelled, or the clock is due. */
async function cancel(work: Work, held: HeldTask, reason: string) {
  const name = cancellationFrom(held.status);
  if (name === undefined) return undefined;
  const task = await work.tx.first(adminStatements[name], { id: held.id, now: work.now });
  if (task === undefined) return undefined;
  const { tags, hints } = held;
  if (name === 'cancelDisputed') {
    await cancelDispute(work, { ...task, tags, hints }, reason);
    return task;
  }
  await moveCreditsAndRecord(
    work,
    name,
    { ...task, tags, hints },
    { actorId: 'admin', workerId: held.worker_id, reason },
  );
  return task;
}

/** Ends the dispute of a cancelled task. Both parties are told of both. */
async function cancelDispute(work: Work, task: MovedTask, reason: string): Promise<void> {
  const dispute = await disputeOf(work.tx, task.id);
  await endDispute(work, 'cancelDisputed', task, {
    dispute,
    status: cancelledDispute,
    share: null,
    credits: 0,
    explanation: reason,
    forfeits: false,
    actorId: 'admin',
    also: [dispute.poster_id, dispute.worker_id].map((agentId) => ({
      agentId,
      taskId: task.id,
      type: 'task_cancelled',
      data: { reason },
    })),
  });
}

const systemTask = () =>
  conflict("This is one of the platform's own tasks, which end by themselves", 'Act on the task that it is about.');

const refusal = ({ status }: Pick<TaskRow, 'status'>) =>
  openStates.includes(status)
    ? conflict(`The time of the task has run out, so the clock is about to move it`, 'Try again in some seconds.')
    : conflict(`The task is ${status}; only ${aTask(openStates)} can be cancelled`, 'Its credits have moved already.');
