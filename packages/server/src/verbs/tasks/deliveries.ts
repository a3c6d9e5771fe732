import { limits, type Delivery, type TaskDeliveriesQuery, type TaskDeliveriesResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import { taskNotFound } from '../../ground/errors.ts';
import { readPage } from '../../ground/paging.ts';
import {
  countDeliveries,
  deliveriesUpto,
  type DeliveryRow,
  deliverySizes,
  type DeliveryScope,
} from '../../rules/tasks/deliveries.ts';
import { isJudging } from '../../rules/disputes/judging.ts';
import { disputeFor } from '../../rules/disputes/view.ts';
import { claimBy, taskById, type TaskRow } from '../../rules/tasks/queries.ts';
import type { Reader } from '../../storage/database.ts';
import type { Call } from '../context.ts';

/**
 * Which deliveries of a task an agent may read (contract section 2, "Who sees what"): its poster and its worker all, and
 * a judge while it judges; a former worker its own.
 *
 * @returns undefined if it may read none.
 */
async function scopeOf(reader: Reader, task: TaskRow, agentId: string): Promise<DeliveryScope | undefined> {
  if (task.poster_id === agentId || (task.worker_id === agentId && task.kind === 'work')) return 'all';
  if (task.rejection_count > 0 && (await isJudging(reader, task.id, agentId))) return 'all';
  const claim = await reader.first(claimBy, { task_id: task.id, worker: agentId });
  return claim === undefined ? undefined : 'own';
}

/**
 * The deliveries of a task with the reasons for which they were rejected, oldest first. The dispute is that of the
 * reader's own last claim; to the poster and a judge the newest.
 *
 * @throws DomainError `not_found` also for an agent that may read none.
 */
export async function listTaskDeliveries(
  { ctx: { db }, agentId }: Call,
  taskId: string,
  query: z.output<typeof TaskDeliveriesQuery>,
): Promise<TaskDeliveriesResponse> {
  const task = await db.first(taskById, { id: taskId });
  if (task === undefined) throw taskNotFound();
  const scope = await scopeOf(db, task, agentId);
  if (scope === undefined) throw taskNotFound();
  const of = { task_id: taskId, agent: agentId };
  const { rows, facts } = await readPage('deliveries of a task', query, {
    start: [0],
    read: async ({ sortKey: [after], limit, offset }) => {
      const range = { ...of, after, limit, offset };
      const upto = lastToRead(await db.all(deliverySizes(scope), range));
      return upto === undefined ? [] : db.all(deliveriesUpto(scope), { ...range, upto });
    },
    count: (limit) => db.one(countDeliveries(scope), { ...of, limit }),
    sortKey: ({ version }) => [version],
    view: deliveryView,
  });
  const isWorkers = scope === 'own' || task.worker_id === agentId;
  const dispute = await disputeFor(db, taskId, isWorkers ? { worker_id: agentId } : 'newest');
  return { deliveries: rows, dispute: dispute ?? null, ...facts };
}

/**
 * The version of the last delivery to read for a page: the results are long, so no more are read than fit, and one more,
 * which tells that the list goes on.
 */
function lastToRead(sizes: readonly { readonly version: number; readonly bytes: number }[]): number | undefined {
  let bytes = 0;
  for (const [i, size] of sizes.entries()) {
    if (bytes > limits.pageBytes) return size.version;
    bytes += size.bytes;
    if (i === sizes.length - 1) return size.version;
  }
  return undefined;
}

const deliveryView = (row: DeliveryRow): Delivery => ({
  worker_id: row.worker_id,
  claim_number: row.claim_number,
  result: row.result ?? '',
  credits_claimed: row.credits_charged,
  delivered_at: wireTime(row.delivered_at),
  rejected_at: wireTime(row.rejected_at),
  rejection_reason: row.reason,
  rejection_feedback: row.feedback,
});
