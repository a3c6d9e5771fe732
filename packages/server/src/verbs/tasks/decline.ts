import type { DeclineResponse } from '@pinchwork/sdk/table';
import type { Call } from '../context.ts';
import { conflict, type DomainError, forbidden, taskNotFound } from '../../ground/errors.ts';
import { isEnded, stateOf } from '../../ground/states.ts';
import { declineOffer } from '../../rules/lifecycle/offers.ts';
import { isOfferedTo } from '../../rules/tasks/offers.ts';
import { taskById } from '../../rules/tasks/queries.ts';
import type { Work } from '../../storage/ground.ts';

/**
 * Declines a task that names the caller in `for_agents`: from then on it is for the others alone (contract section 3a).
 * The reason is checked and not kept.
 *
 * @throws DomainError `not_found`; `forbidden` if the task does not name the caller, or no longer; `conflict` if the caller
 *   works on it, it has ended, or the clock is due.
 */
export function declineTask(call: Call, taskId: string): Promise<DeclineResponse> {
  const { ctx, agentId } = call;
  return call.transact('decline', async (tx) => {
    const work = { ctx, tx, now: ctx.clock.now() };
    if (!(await declineOffer(work, taskId, agentId))) throw await refusalToDecline(work, taskId, agentId);
    return { task_id: taskId, declined: true };
  });
}

async function refusalToDecline({ tx, now }: Work, taskId: string, agentId: string): Promise<DomainError> {
  const task = await tx.first(taskById, { id: taskId });
  if (task === undefined) return taskNotFound();
  if (task.is_for_chosen === 0 || !(await isOfferedTo(tx, taskId, agentId))) {
    return forbidden(
      'Only an agent in the for_agents of the task can decline it',
      'A task that you do not want needs no answer: leave it on the board.',
    );
  }
  if (isEnded(task.status)) return conflict(`The task is ${task.status}; there is nothing to decline`);
  if (task.worker_id === agentId) {
    return conflict(
      'You work on this task, so you cannot decline it',
      `Give it back with POST /v1/tasks/${taskId}/abandon.`,
    );
  }
  if (task.due_at !== null && task.due_at <= now) {
    return conflict(
      `${stateOf(task.status).timeIsUp}, so the task can't be declined any more`,
      'In some seconds it is in its next state: then try again.',
    );
  }
  return conflict('The task was changed by another request at the same moment', 'Try again.');
}
