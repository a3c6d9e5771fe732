import type { Dispute, TaskResponse } from '@pinchwork/sdk/table';
import { wireTime } from '../../ground/clock.ts';
import type { Reader } from '../../storage/database.ts';
import type { MovedTask } from '../tasks/queries.ts';
import { type DisputeRow, newestDispute, newestDisputeBy } from './queries.ts';

/** A dispute on the wire (contract section 2, "Task"). */
export const disputeView = (row: DisputeRow): Dispute => ({
  dispute_id: row.id,
  status: row.status,
  reason: row.reason,
  deposit: row.deposit,
  deadline: wireTime(row.deadline_at),
  worker_share: row.worker_share,
  explanation: row.explanation,
});

type Disputable = Pick<MovedTask, 'id' | 'kind' | 'rejection_count' | 'worker_id' | 'claim_number'>;

/**
 * The dispute of a task that an agent sees: a worker that of its own last claim, as long as no other has claimed the task;
 * the poster and judges the newest. Reads nothing for a task without rejections, which has no dispute.
 */
export async function addDispute(
  reader: Reader,
  view: TaskResponse,
  task: Disputable,
  readerId: string,
): Promise<TaskResponse> {
  if (task.kind !== 'work' || task.rejection_count === 0) return view;
  const dispute = await reader.first(newestDispute, { task_id: task.id });
  const isOfPresentClaim = dispute?.claim_number === task.claim_number;
  const isHidden = readerId === task.worker_id && !isOfPresentClaim;
  return dispute === undefined || isHidden ? view : { ...view, dispute: disputeView(dispute) };
}

/** The newest dispute about a task that concerns a reader: a worker its own, the others the newest. */
export async function disputeFor(
  reader: Reader,
  taskId: string,
  own: { readonly worker_id: string } | 'newest',
): Promise<Dispute | undefined> {
  const row =
    own === 'newest'
      ? await reader.first(newestDispute, { task_id: taskId })
      : await reader.first(newestDisputeBy, { task_id: taskId, ...own });
  return row && disputeView(row);
}
