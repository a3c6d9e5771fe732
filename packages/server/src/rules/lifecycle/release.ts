import { agentsToRelease, endRelease } from '../agents/queries.ts';
import { at } from '../../ground/present.ts';
import type { Ground } from '../../storage/ground.ts';
import { claimsOf, lockPostedTask } from '../tasks/queries.ts';
import { adminStatements } from '../tasks/statements.ts';
import { noteLostSeat, seatsOfJudge } from './seats.ts';
import { moveCreditsAndRecord, withdraw } from './transition.ts';

const batch = 100;

/**
 * Puts the claimed tasks of suspended agents back on the board, and has their seats drawn again, in one transaction per task, because there may be any
 * number of them. The suspension runs it at once; the timers, on any server, continue with the rest.
 */
export async function releaseClaims(ctx: Ground): Promise<void> {
  for (const { id } of await ctx.db.all(agentsToRelease, { limit: batch })) {
    for (;;) {
      const claims = await ctx.db.all(claimsOf, { worker: id, limit: batch });
      const moved = await Promise.all(claims.map((task) => dismiss(ctx, task.id, id)));
      // The remaining tasks are due, so the clock moves them, or another server has moved them.
      if (!moved.includes(true)) break;
    }
    await dropSeats(ctx, id);
    await ctx.db.transact('end release', async (tx) => tx.send(endRelease, { id, now: ctx.clock.now() }));
  }
}

/** Drops all seats of a suspended judge. */
async function dropSeats(ctx: Ground, judge: string): Promise<void> {
  for (let after = ''; ;) {
    const seats = await ctx.db.all(seatsOfJudge, { judge, after, limit: batch });
    for (const { task_id } of seats) await dropSeat(ctx, task_id);
    if (seats.length < batch) return;
    after = at(seats, -1).task_id;
  }
}

/** Withdraws the system task of a suspended judge that has not picked it up, so that another judge is drawn. */
function dropSeat(ctx: Ground, taskId: string): Promise<void> {
  return ctx.db.transact('drop seat', async (tx) => {
    const work = { ctx, tx, now: ctx.clock.now() };
    if ((await tx.first(lockPostedTask, { id: taskId })) === undefined) return;
    await noteLostSeat(work, taskId);
    await withdraw(work, taskId);
  });
}

function dismiss(ctx: Ground, taskId: string, workerId: string): Promise<boolean> {
  return ctx.db.transact('dismiss worker', async (tx) => {
    const now = ctx.clock.now();
    const task = await tx.first(adminStatements.dismissWorker, { id: taskId, now, worker: workerId });
    if (task === undefined) return false;
    await moveCreditsAndRecord({ ctx, tx, now }, 'dismissWorker', task, { actorId: 'admin', workerId });
    return true;
  });
}
