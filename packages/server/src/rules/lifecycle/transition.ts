import { countAbandon, countPosted } from '../agents/queries.ts';
import { moveEntries } from '../board/entries.ts';
import { deadlineAfter, minuteMs, wireTime } from '../../ground/clock.ts';
import type { Work } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import { appendEvent, type NewEvent } from '../events/append.ts';
import * as ledger from '../ledger/ledger.ts';
import { tellMatched } from '../events/outbox.ts';
import { moveMatchesOnBoard } from '../matching/matches.ts';
import { recordAnswer, recordApproval, recordRejection } from '../reputation/standing.ts';
import { release } from '../ledger/budget.ts';
import type { Transition } from '../../ground/machine.ts';
import { stateOf } from '../../ground/states.ts';
import { endsClaim, type TransitionName, transition } from '../../ground/transitions.ts';
import { insertTransition } from '../tasks/inserts.ts';
import { lockPostedTask, type RecordedTask } from '../tasks/queries.ts';
import { platformStatements } from '../tasks/statements.ts';
import { tagsOf } from '../tasks/view.ts';

interface Moved {
  /** The agent who did it; null for the clock. */
  readonly actorId: string | null;
  /** Whose claim it is, or was until now. */
  readonly workerId: string | null;
  /** The poster's rating of the worker, with an approval. */
  readonly rating?: number | null;
  /** Events that follow from it besides its own. */
  readonly also?: readonly NewEvent[];
}

/**
 * Everything that goes with a transition once its guarded statement has changed the task's row: the board, how the
 * agents stand, the credits, the events, the row of the history, and after the commit the wake-up.
 *
 * On PostgreSQL this is also the order of the locks (a platform's task before the one it is about, matches, trust,
 * agents, the platform's budget, accounts, cursors, each by id), which every transaction keeps to, so that none waits
 * for one that waits for it. One that moves several tasks does the first half for all of them, then the second.
 */
export async function moveCreditsAndRecord(
  work: Work,
  name: TransitionName,
  task: RecordedTask,
  moved: Moved,
): Promise<void> {
  await recordStandingAndWithdraw(work, name, task, moved);
  await moveCreditsAndTell(work, name, task, moved);
  const row = transition(name);
  if (task.kind !== 'work' && endsClaim(row) && stateOf(row.to).isOnBoard) await withdraw(work, task.id);
}

/** The first half: the board, how the agents stand, and what the platform need not ask any more. */
export async function recordStandingAndWithdraw(
  work: Work,
  name: TransitionName,
  task: RecordedTask,
  moved: Moved,
): Promise<void> {
  const row = transition(name);
  moveOnBoard(work.tx, row, task);
  judge(work, row, task, moved);
  await withdrawUnneeded(work, row, task);
}

/** The second half: credits, events, history. Its locks are those that transactions meet on. */
export async function moveCreditsAndTell(
  work: Work,
  name: TransitionName,
  task: RecordedTask,
  moved: Moved,
): Promise<void> {
  const row = transition(name);
  if (row.tellsMatched !== undefined && task.match_count > 0) {
    const data = row.tellsMatched === 'task_expired' ? { worker_id: null } : {};
    tellMatched(work, task.id, row.tellsMatched, data);
  }
  await moveCredits(work, row, task, moved);
  const numbers = await tell(work, row, task, moved);
  const { tx, now } = work;
  tx.send(insertTransition, {
    task_id: task.id,
    version: task.version,
    transition: name,
    from_status: row.from,
    to_status: row.to,
    actor_id: moved.actorId,
    worker_id: moved.workerId,
    claim_number: task.claim_number,
    at: now,
    poster_event: numbers.poster ?? null,
    worker_event: numbers.worker ?? null,
  });
  tx.signal(task.id);
}

function moveOnBoard(tx: Tx, row: Transition, task: RecordedTask): void {
  const wasOnBoard = row.from !== null && stateOf(row.from).isOnBoard;
  const { isOnBoard } = stateOf(row.to);
  if (task.kind !== 'work' || wasOnBoard === isOnBoard) return;
  moveMatchesOnBoard(tx, task, isOnBoard);
  moveEntries(tx, 'board_tags', { task, tags: tagsOf(task) }, isOnBoard);
}

/** What a transition says about the agents: what they have done, and how well. */
function judge(
  { ctx: { config }, tx, now }: Work,
  { judges }: Transition,
  task: RecordedTask,
  { workerId, rating = null }: Moved,
): void {
  switch (judges) {
    case 'post':
      tx.send(countPosted, { id: task.poster_id });
      break;
    case 'approval': {
      const charged = task.credits_charged!;
      const fee = ledger.feeOf(charged, task.fee_ppm);
      const parties = { posterId: task.poster_id, workerId: workerId! };
      recordApproval(tx, { ...parties, tags: tagsOf(task), charged, fee, rating, at: now });
      break;
    }
    case 'answer':
      recordAnswer(tx, workerId!, task.credits_charged!, now);
      break;
    case 'rejection':
      recordRejection(tx, task.poster_id, workerId!, now);
      break;
    case 'abandon':
      tx.send(countAbandon, {
        id: workerId!,
        most: config.maxAbandonsBeforeCooldown,
        until: deadlineAfter(now, config.abandonCooldownMinutes * minuteMs),
      });
  }
}

/** Withdraws the platform's task about this one that is no longer needed, unless somebody has it in hand. */
async function withdrawUnneeded(work: Work, { drops }: Transition, task: RecordedTask): Promise<void> {
  const id = drops === undefined ? null : drops === 'matching' ? task.matching_id : task.verifying_id;
  if (id !== null && (await work.tx.first(lockPostedTask, { id })) !== undefined) await withdraw(work, id);
}

/** Withdraws a task of the platform that nobody has in hand, if nobody needs it any more. */
async function withdraw(work: Work, id: string): Promise<void> {
  const task = await work.tx.first(platformStatements.withdraw, { id, now: work.now });
  if (task === undefined) return;
  await moveCreditsAndRecord(work, 'withdraw', task, { actorId: task.poster_id, workerId: null });
}

async function moveCredits(
  { ctx, tx, now }: Work,
  { credits }: Transition,
  task: RecordedTask,
  { workerId }: Moved,
): Promise<void> {
  if (credits === undefined) return;
  if (credits === 'release') {
    release(tx, task);
    return;
  }
  const transfer = { transferId: ctx.newId('ledgerEntry'), at: now };
  if (credits === 'void') return ledger.voidHold(tx, transfer, task);
  if (credits === 'hold') return ledger.hold(tx, transfer, task);
  if (workerId === null || task.credits_charged === null) throw new Error(`${task.id} has no delivery to settle`);
  if (credits === 'pay') {
    ledger.pay(tx, transfer, { id: task.id, worker_id: workerId, price: task.credits_charged });
    return;
  }
  return ledger.settle(tx, transfer, { ...task, worker_id: workerId, credits_charged: task.credits_charged });
}

/** Appends the events of a transition, and answers which numbers its two parties' own ones got. */
async function tell(
  work: Work,
  { tells }: Transition,
  task: RecordedTask,
  moved: Moved,
): Promise<{ poster?: number; worker?: number }> {
  const own = (['poster', 'worker'] as const).flatMap((party) => {
    const agentId = party === 'poster' ? task.poster_id : moved.workerId;
    const type = tells?.[party];
    if (agentId === null || type === undefined) return [];
    return [{ party, event: { agentId, taskId: task.id, type, data: eventData(task, moved)[type] } as NewEvent }];
  });
  const others = (moved.also ?? []).map((event) => ({ party: undefined, event }));
  const numbers: { poster?: number; worker?: number } = {};
  for (const { party, event } of [...own, ...others].sort((a, b) => (a.event.agentId < b.event.agentId ? -1 : 1))) {
    const number = await appendEvent(work, event);
    if (party !== undefined) numbers[party] = number;
  }
  return numbers;
}

/** What an event of each type would say about this transition (contract section 8). */
function eventData(task: RecordedTask, { workerId, rating }: Moved) {
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
