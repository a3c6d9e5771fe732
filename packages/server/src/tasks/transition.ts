import { countAbandon, countPosted } from '../agents/queries.ts';
import { deadlineAfter, minuteMs, wireTime } from '../clock.ts';
import type { Context } from '../context.ts';
import type { Tx } from '../db/database.ts';
import { appendEvent, type NewEvent } from '../events/append.ts';
import * as ledger from '../ledger/ledger.ts';
import { recordApproval, recordRejection } from '../reputation/standing.ts';
import { type Transition, type TransitionName, transition } from './machine.ts';
import { tagParams } from './lists.ts';
import { deleteBoardTags, insertBoardTags, insertTransition, type TaskRow } from './queries.ts';
import { tagsOf } from './view.ts';

export interface Moved {
  /** The agent who did it; null for the clock. */
  readonly actorId: string | null;
  /** Whose claim it is, or was until now. */
  readonly workerId: string | null;
  readonly at: number;
  /** The poster's rating of the worker, with an approval. */
  readonly rating?: number | null;
}

/**
 * Everything that goes with a transition once its guarded statement has changed the task's row: the board, how the
 * agents stand, the credits, the events, the row of the history, and after the commit the wake-up.
 *
 * On PostgreSQL this is also the order of the locks (task, trust, agents, accounts, cursors, each by id), which every
 * transaction keeps to, so that none waits for one that waits for it.
 */
export async function record(
  ctx: Pick<Context, 'config' | 'newId' | 'watch' | 'webhooks'>,
  tx: Tx,
  name: TransitionName,
  task: TaskRow,
  moved: Moved,
): Promise<void> {
  const row = transition(name);
  moveOnBoard(tx, row, task);
  judge(ctx, tx, row, task, moved);
  await moveCredits(ctx, tx, row, task, moved);
  const numbers = await tell(ctx, tx, row, task, moved);
  tx.send(insertTransition, {
    task_id: task.id,
    version: task.version,
    transition: name,
    from_status: row.from,
    to_status: row.to,
    actor_id: moved.actorId,
    worker_id: moved.workerId,
    claim_number: task.claim_number,
    at: moved.at,
    poster_event: numbers.get(task.poster_id) ?? null,
    worker_event: moved.workerId === null ? null : (numbers.get(moved.workerId) ?? null),
  });
  tx.afterCommit(() => ctx.watch.wake(task.id));
}

function moveOnBoard(tx: Tx, row: Transition, task: TaskRow): void {
  if (row.to !== 'posted' && row.from !== 'posted') return;
  const tags = tagsOf(task);
  if (tags.length === 0) return;
  const place = { created_at: task.created_at, task_id: task.id, ...tagParams(tags) };
  if (row.to === 'posted') tx.send(insertBoardTags(tags.length), place);
  else tx.send(deleteBoardTags(tags.length), place);
}

/** What a transition says about the agents: what they have done, and how well. */
function judge(
  { config }: Pick<Context, 'config'>,
  tx: Tx,
  { judges }: Transition,
  task: TaskRow,
  { at, workerId, rating = null }: Moved,
): void {
  switch (judges) {
    case 'posted':
      tx.send(countPosted, { id: task.poster_id });
      break;
    case 'approved': {
      const charged = task.credits_charged!;
      const fee = ledger.feeOf(charged, task.fee_ppm);
      const parties = { posterId: task.poster_id, workerId: workerId! };
      recordApproval(tx, { ...parties, tags: tagsOf(task), charged, fee, rating, at });
      break;
    }
    case 'rejected':
      recordRejection(tx, task.poster_id, workerId!, at);
      break;
    case 'abandoned':
      tx.send(countAbandon, {
        id: workerId!,
        most: config.maxAbandonsBeforeCooldown,
        until: deadlineAfter(at, config.abandonCooldownMinutes * minuteMs),
      });
  }
}

async function moveCredits(
  ctx: Pick<Context, 'newId'>,
  tx: Tx,
  { credits }: Transition,
  task: TaskRow,
  { at, workerId }: Moved,
): Promise<void> {
  if (credits === undefined) return;
  const transfer = { transferId: ctx.newId('ledgerEntry'), at };
  if (credits === 'void') return ledger.voidHold(tx, transfer, task);
  if (credits === 'hold') return ledger.hold(tx, transfer, task);
  if (workerId === null || task.credits_charged === null) throw new Error(`${task.id} has no delivery to settle`);
  return ledger.settle(tx, transfer, { ...task, worker_id: workerId, credits_charged: task.credits_charged });
}

/** Appends the events of a transition and answers, by agent, which numbers they got. */
async function tell(
  ctx: Pick<Context, 'newId' | 'webhooks'>,
  tx: Tx,
  { tells }: Transition,
  task: TaskRow,
  moved: Moved,
): Promise<Map<string, number>> {
  const recipients = [
    [task.poster_id, tells?.poster],
    [moved.workerId, tells?.worker],
  ] as const;
  const events = recipients
    .flatMap(([agentId, type]) =>
      agentId === null || type === undefined
        ? []
        : [{ agentId, taskId: task.id, type, data: eventData(task, moved)[type] } as NewEvent],
    )
    .sort((a, b) => (a.agentId < b.agentId ? -1 : 1));
  const numbers = new Map<string, number>();
  for (const event of events) numbers.set(event.agentId, await appendEvent(ctx, tx, event, moved.at));
  return numbers;
}

/** What an event of each type would say about this transition (contract section 8). */
function eventData(task: TaskRow, { workerId, rating }: Moved) {
  const worker = { worker_id: workerId };
  return {
    task_claimed: worker,
    task_delivered: worker,
    task_expired: worker,
    task_approved: { credits: task.credits_charged, rating: rating ?? null },
    task_rejected: {
      reason: task.rejection_reason,
      feedback: task.rejection_feedback,
      grace_deadline: wireTime(task.grace_deadline_at),
      rejection_count: task.rejection_count,
    },
    deadline_expired: {},
    rejection_grace_expired: {},
    claim_timeout_expired: {},
  };
}
