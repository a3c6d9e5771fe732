import type { PickupBatchResponse, TaskPickupResponse } from '@pinchwork/sdk';
import { ratingsOf } from '../agents/queries.ts';
import { deadlineAfter, minuteMs } from '../clock.ts';
import type { Call, Context } from '../context.ts';
import type { Tx } from '../db/database.ts';
import { nextOnBoard, tagParams } from './lists.ts';
import { personStatements, type TaskRow } from './queries.ts';
import { refusal, refuseIfBarred } from './refusal.ts';
import { record } from './transition.ts';
import { pickupView } from './view.ts';

const defaultBatch = 5;

/** Claims this very task, wherever it stands in anybody's order. */
export function pickupTask(call: Call, taskId: string): Promise<TaskPickupResponse> {
  const { ctx, agentId } = call;
  return call.transact('pickup', async (tx) => {
    const now = ctx.clock.now();
    const claimed = await claim(ctx, tx, agentId, taskId, now);
    if (claimed === undefined) throw await refusal(tx, 'claim', taskId, agentId, now);
    return claimed;
  });
}

/** Claims the next task on the board that bears all of `tags`; null when there is none. */
export function pickupNext(call: Call, tags: readonly string[]): Promise<TaskPickupResponse | null> {
  const { ctx, agentId } = call;
  return call.transact('pickup next', async (tx) => {
    const [claimed] = await claimNext(ctx, tx, agentId, tags, 1);
    return claimed ?? null;
  });
}

/** Claims up to `count` tasks in one transaction. */
export function pickupBatch(
  call: Call,
  tags: readonly string[],
  count: number = defaultBatch,
): Promise<PickupBatchResponse> {
  const { ctx, agentId } = call;
  return call.transact('pickup batch', async (tx) => {
    const tasks = await claimNext(ctx, tx, agentId, tags, count);
    return { tasks, total: tasks.length };
  });
}

async function claimNext(
  ctx: Context,
  tx: Tx,
  agentId: string,
  tags: readonly string[],
  limit: number,
): Promise<TaskPickupResponse[]> {
  const now = ctx.clock.now();
  const next = await tx.all(nextOnBoard(tags.length), { agent: agentId, now, limit, ...tagParams(tags) });
  const rows: TaskRow[] = [];
  for (const { id } of next) {
    const task = await claimRow(ctx, tx, agentId, id, now);
    if (task !== undefined) rows.push(task);
  }
  // An agent that must pause finds nothing, and is told why rather than that there is nothing.
  if (rows.length === 0) await refuseIfBarred(tx, agentId, now);
  // The events take their locks in the order of the recipients' ids, over all tasks of the batch.
  const byPoster = rows.toSorted((a, b) => (a.poster_id < b.poster_id ? -1 : 1));
  const views = new Map<string, TaskPickupResponse>();
  for (const task of byPoster) views.set(task.id, await recordClaim(ctx, tx, agentId, task, now));
  return rows.map(({ id }) => views.get(id)!);
}

async function claim(
  ctx: Context,
  tx: Tx,
  agentId: string,
  taskId: string,
  now: number,
): Promise<TaskPickupResponse | undefined> {
  const task = await claimRow(ctx, tx, agentId, taskId, now);
  return task && (await recordClaim(ctx, tx, agentId, task, now));
}

function claimRow(ctx: Context, tx: Tx, agentId: string, taskId: string, now: number): Promise<TaskRow | undefined> {
  return tx.first(personStatements.claim, {
    id: taskId,
    now,
    actor: agentId,
    from: deadlineAfter(now, 0),
    default_timeout: deadlineAfter(0, ctx.config.defaultClaimTimeoutMinutes * minuteMs),
  });
}

async function recordClaim(
  ctx: Context,
  tx: Tx,
  agentId: string,
  task: TaskRow,
  now: number,
): Promise<TaskPickupResponse> {
  const ratings = await tx.first(ratingsOf, { id: task.poster_id });
  await record(ctx, tx, 'claim', task, { actorId: agentId, workerId: agentId, at: now });
  return pickupView(task, ratings!);
}
