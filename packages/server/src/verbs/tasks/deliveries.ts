import { limits, type Delivery, type TaskDeliveriesQuery, type TaskDeliveriesResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import { taskNotFound } from '../../ground/errors.ts';
import { readPage } from '../../ground/paging.ts';
import {
  countDeliveries,
  deliveriesFor,
  deliveriesUpto,
  type DeliveryRow,
  deliverySizes,
} from '../../rules/tasks/deliveries.ts';
import { taskById } from '../../rules/tasks/queries.ts';
import type { Call } from '../context.ts';

/**
 * The deliveries of a task with the reasons for which they were rejected, oldest first. The poster and the worker read
 * all, a former worker its own (contract section 2).
 *
 * @throws DomainError `not_found` also for an agent that may read none.
 */
export async function listTaskDeliveries(
  { ctx: { db }, agentId }: Call,
  taskId: string,
  query: z.output<typeof TaskDeliveriesQuery>,
): Promise<TaskDeliveriesResponse> {
  const task = await db.first(taskById, { id: taskId });
  const scope = task && (await deliveriesFor(db, task, agentId));
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
  return { deliveries: rows, ...facts };
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
