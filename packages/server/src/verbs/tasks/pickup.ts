import type { NothingToPickUp, PickupBatchResponse, TaskPickupResponse } from '@pinchwork/sdk/table';
import type { BoardFilter } from '../../rules/board/scan.ts';
import { type Call, OtherSuccess } from '../context.ts';
import { refusal } from '../../rules/tasks/refusal.ts';
import { nothingToPickUp, waitForWork } from './wait-for-work.ts';
import { claimById, claimThrough } from './claim.ts';

const defaultBatch = 5;

/**
 * Claims one task, also a system task, whatever its place on the caller's board.
 *
 * @throws DomainError `not_found`, `conflict`, `pickups_paused`, `too_many_claims`, `agent_suspended` (contract section 3).
 */
export async function pickupTask(call: Call, taskId: string): Promise<TaskPickupResponse> {
  const { ctx, agentId } = call;
  const picked = await call.transact('pickup', async (tx) => {
    const work = { ctx, tx, now: ctx.clock.now() };
    const task = await claimById(work, agentId, taskId);
    if (task === undefined) throw await refusal(work, 'claim', { taskId, actorId: agentId });
    return task;
  });
  ctx.dispatcher.noteClaim(agentId);
  return picked;
}

/**
 * Claims the next task on the caller's board that passes a filter (contract section 6).
 *
 * @param wait seconds to wait until there is one; undefined to answer at once.
 * @returns the task; or the success `nothing` if there is none, with `search_partial` if the time was up first.
 * @throws DomainError `pickups_paused`, `too_many_claims`, `agent_suspended`.
 */
export async function pickupNext(
  call: Call,
  filter: BoardFilter,
  wait?: number,
): Promise<TaskPickupResponse | OtherSuccess<NothingToPickUp>> {
  if (wait !== undefined) return waitForWork(call, filter, wait);
  const { tasks, isPartial } = await claimThrough(call, filter, { count: 1, isBatch: false });
  return tasks[0] ?? nothingToPickUp(isPartial);
}

/**
 * Claims at most `count` tasks in one transaction. Their texts are whole up to the size of a page; then the longest are
 * cut (contract section 1, "Size of a page").
 */
export async function pickupBatch(
  call: Call,
  filter: BoardFilter,
  count: number = defaultBatch,
): Promise<PickupBatchResponse> {
  const picked = await claimThrough(call, filter, { count, isBatch: true });
  // An empty batch is a success, so an idempotency record is written for it too.
  const { tasks, isPartial } =
    picked.tasks.length > 0 ? picked : await call.transact('pickup batch', async () => picked);
  return { tasks, total: tasks.length, ...(isPartial ? { search_partial: true as const } : {}) };
}
