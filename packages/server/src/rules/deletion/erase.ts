import type { Ground } from '../../storage/ground.ts';
import { forgetReplies } from '../texts/replies.ts';
import { removeTexts } from '../texts/remove.ts';
import { holdReceiver } from '../webhooks/receivers.ts';
import { deleteDeliveries, deleteReplies, emptyReports, openReportOf, tasksWritten } from './queries.ts';

/** How many tasks are emptied at once. */
const portion = 20;
const deliveriesAtOnce = 500;

/**
 * Removes what a deleted agent wrote (contract section 2, "Deleting an agent"), in one transaction per task, because
 * there may be any number of them. It can be repeated at any time. Texts under an open report are left.
 *
 * @returns whether texts are left.
 */
export async function eraseTexts(ctx: Ground, agent: string): Promise<boolean> {
  let isLeft = false;
  for (const query of tasksWritten) {
    for (let from = { after_at: 0, after: '' }; ;) {
      const page = await ctx.db.all(query, { agent, ...from, limit: portion });
      const free = page.filter(({ is_reported }) => !is_reported);
      isLeft ||= free.length < page.length;
      const ids = new Set(free.map(({ task_id }) => task_id));
      const isErased = await Promise.all([...ids].map((id) => eraseTask(ctx, id, agent)));
      isLeft ||= isErased.includes(false);
      const last = page.at(-1);
      if (last === undefined || page.length < portion) break;
      from = { after_at: last.at, after: last.task_id };
    }
  }
  await ctx.db.transact('erase replies', async (tx) => tx.send(deleteReplies, { scope: agent }));
  await ctx.db.transact('erase reports', async (tx) => tx.send(emptyReports, { agent }));
  for (let deleted = deliveriesAtOnce; deleted === deliveriesAtOnce;) {
    deleted = await ctx.db.transact('erase deliveries', async (tx) => {
      const receiver = await tx.first(holdReceiver, { agent_id: agent });
      return receiver === undefined ? 0 : tx.run(deleteDeliveries, { agent, limit: deliveriesAtOnce });
    });
  }
  await ctx.db.scrub();
  return isLeft || (await ctx.db.first(openReportOf, { agent })) !== undefined;
}

/** @returns whether the texts are gone. A report that has just come keeps them. */
async function eraseTask(ctx: Ground, taskId: string, author: string): Promise<boolean> {
  const task = await ctx.db.transact('erase texts', (tx) => removeTexts(tx, { taskId, by: 'owner', author }));
  if (task === undefined) return false;
  await forgetReplies(ctx, taskId);
  return true;
}
