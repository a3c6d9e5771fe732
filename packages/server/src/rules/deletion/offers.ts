import type { Ground } from '../../storage/ground.ts';
import { at } from '../../ground/present.ts';
import { endOffer } from '../lifecycle/offers.ts';
import { holdTask } from '../tasks/queries.ts';
import { offersOf } from './queries.ts';

/** How many tasks are read at once. */
const portion = 20;

/**
 * Takes a deleted agent out of the tasks that name it in `for_agents`, in one transaction per task. A task that nobody
 * is left for expires.
 */
export async function endOffers(ctx: Ground, agent: string): Promise<void> {
  for (let after = ''; ;) {
    const page = await ctx.db.all(offersOf, { agent, after, limit: portion });
    for (const { task_id } of page) {
      await ctx.db.transact('end offer', async (tx) => {
        // The agent may be declining the task at this moment.
        await tx.first(holdTask, { id: task_id });
        await endOffer({ ctx, tx, now: ctx.clock.now() }, task_id, agent);
      });
    }
    if (page.length < portion) return;
    after = at(page, -1).task_id;
  }
}
