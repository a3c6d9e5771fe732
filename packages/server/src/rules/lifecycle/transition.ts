import { platformId } from '@pinchwork/sdk/table';
import { present } from '../../ground/present.ts';
import { noteGivingUp, setTaskBack } from '../agents/given-up.ts';
import { countPosted } from '../agents/queries.ts';
import { moveEntries } from '../board/entries.ts';
import { deadlineAfter, minuteMs } from '../../ground/clock.ts';
import type { Work } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import * as ledger from '../ledger/ledger.ts';
import { tellMatched } from '../events/outbox.ts';
import { moveMatchesOnBoard } from '../matching/matches.ts';
import { recordSystemAnswer, recordApproval, recordRejection, recordRuling } from '../reputation/standing.ts';
import { release } from '../ledger/budget.ts';
import { holdAccounts } from '../ledger/queries.ts';
import type { Transition } from '../../ground/machine/rows.ts';
import { stateOf } from '../../ground/states.ts';
import { endsClaim, type TransitionName, transition } from '../../ground/transitions.ts';
import { arrival, limitReached } from '../tasks/hints.ts';
import { countCancelledAfterRejection, reviewCode } from '../reputation/poster-record.ts';
import { callPushes } from '../pushes/call.ts';
import { insertTransition } from '../tasks/inserts.ts';
import { lockPostedTask, type RecordedTask, rejectionOfClaim } from '../tasks/queries.ts';
import { platformStatements } from '../tasks/statements.ts';
import { readTerms, unfitClaim } from '../tasks/terms.ts';
import { tagsOf } from '../tasks/view.ts';
import { awaitedSeats, closeSeat, noteDealing, noteLostSeat } from './seats.ts';
import { appendInOrder, type EventNumbers, eventsOf, type Moved, type MovedDispute } from './told.ts';

/**
 * Carries out the consequences of a transition, after its guarded statement has changed the task's row: the board,
 * the agents' standing, the credits, the events, the row of the history, and a signal after the commit.
 *
 * On PostgreSQL this is also the order of row locks: a system task before the task that it is about, then matches,
 * trust, agents, the platform's budget, accounts and event cursors, each by id. Every transaction keeps this order,
 * so that none deadlock. A transaction that moves several tasks calls `recordStandingAndWithdraw` for all of them,
 * then `moveCreditsAndTell` for all.
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

/** The first half: the board, the agents' standing, and system tasks that are no longer needed. */
export async function recordStandingAndWithdraw(
  work: Work,
  name: TransitionName,
  task: RecordedTask,
  moved: Moved,
): Promise<void> {
  const row = transition(name);
  if (task.kind === 'judge' && row.from !== null && losesSeat(row)) {
    // Who withdraws a seat's task has locked the disputed task.
    await (name === 'withdraw' ? closeSeat : noteLostSeat)(work, task.id);
  }
  moveOnBoard(work.tx, row, task);
  if (task.kind === 'work' && moved.workerId !== null && (endsClaim(row) || row.standing === 'ruling')) {
    work.tx.send(noteDealing, { worker_id: moved.workerId, poster_id: task.poster_id });
  }
  await recordStanding(work, row, task, moved);
  await withdrawUnneeded(work, row, task);
}

/** The second half: credits, events and history. Its locks are the most contended ones, so they come last. */
export async function moveCreditsAndTell(
  work: Work,
  name: TransitionName,
  task: RecordedTask,
  moved: Moved,
): Promise<void> {
  const row = transition(name);
  if (row.tellsMatched !== undefined && task.match_count > 0) {
    const data = row.tellsMatched === 'task_expired' ? { worker_id: null } : { reason: moved.reason ?? null };
    tellMatched(work, task.id, row.tellsMatched, data);
  }
  await moveCredits(work, row, task, moved);
  const numbers = await appendInOrder(work, eventsOf(row, task, moved), moved.also);
  noteInHistory(work, name, { task, moved, numbers });
  if (task.has_terms === 1) await callPushes(work, task.id);
  work.tx.signal(task.id);
}

/**
 * Carries out a delivery that is approved in the same transaction. The poster is told of the one, the worker of the
 * other; credits move before either event is appended, because accounts are locked before event cursors.
 */
export async function deliverAndApprove(work: Work, delivered: RecordedTask, approved: RecordedTask): Promise<void> {
  const workerId = present(approved.worker_id, 'The worker');
  const moved = { actorId: workerId, workerId };
  const then = { actorId: platformId, workerId };
  const approval = transition('approveAtOnce');
  await recordStandingAndWithdraw(work, 'deliver', delivered, moved);
  await recordStandingAndWithdraw(work, 'approveAtOnce', approved, then);
  await moveCredits(work, approval, approved, then);
  const events = [...eventsOf(transition('deliver'), delivered, moved), ...eventsOf(approval, approved, then)];
  const { poster, worker } = await appendInOrder(work, events);
  noteInHistory(work, 'deliver', { task: delivered, moved, numbers: { poster } });
  noteInHistory(work, 'approveAtOnce', { task: approved, moved: then, numbers: { worker } });
  if (approved.has_terms === 1) await callPushes(work, approved.id);
  work.tx.signal(approved.id);
}

function noteInHistory(
  { tx, now }: Work,
  name: TransitionName,
  { task, moved, numbers }: { task: RecordedTask; moved: Moved; numbers: EventNumbers },
): void {
  const row = transition(name);
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
}

/** Whether a judge that has this system task loses its seat: it gave the task back, or was too late. */
const losesSeat = ({ to }: Transition) => stateOf(to).isOnBoard || stateOf(to).credits === 'returned';

function moveOnBoard(tx: Tx, row: Transition, task: RecordedTask): void {
  const wasOnBoard = row.from !== null && stateOf(row.from).isOnBoard;
  const { isOnBoard } = stateOf(row.to);
  if (isOnBoard && !wasOnBoard) tx.signal(arrival(task.id));
  if (task.kind !== 'work' || wasOnBoard === isOnBoard) return;
  moveMatchesOnBoard(tx, task, isOnBoard);
  moveEntries(tx, task.is_for_chosen === 1 ? 'offer_tags' : 'board_tags', { task, tags: tagsOf(task) }, isOnBoard);
}

/** Updates the agents' counts, sums and trust. */
async function recordStanding(
  work: Work,
  row: Transition,
  task: RecordedTask,
  { workerId, rating = null, dispute }: Moved,
): Promise<void> {
  const { tx, now } = work;
  switch (row.standing) {
    case 'post':
      tx.send(countPosted, { id: task.poster_id });
      break;
    case 'approval': {
      const charged = present(task.credits_charged, 'The charge');
      const fee = ledger.feeOf(charged, task.fee_ppm);
      const parties = { posterId: task.poster_id, workerId: present(workerId, 'The worker') };
      const review = reviewOf(row, task, now);
      recordApproval(tx, { ...parties, tags: tagsOf(task), charged, fee, rating, review, at: now });
      break;
    }
    case 'answer':
      recordSystemAnswer(tx, present(workerId, 'The worker'), present(task.credits_charged, 'The charge'), now);
      break;
    case 'ruling': {
      const { credits: charged, workerShare, status } = present(dispute, 'The dispute');
      const fee = ledger.feeOf(charged, task.fee_ppm);
      const parties = { posterId: task.poster_id, workerId: present(workerId, 'The worker') };
      const share = present(workerShare, 'The share');
      recordRuling(tx, { ...parties, tags: tagsOf(task), charged, fee, share, isDefault: status !== 'ruled', at: now });
      break;
    }
    case 'rejection':
      recordRejection(tx, {
        posterId: task.poster_id,
        workerId: present(workerId, 'The worker'),
        review: reviewOf(row, task, now),
        at: now,
      });
      break;
    case 'cancel':
      if (task.rejection_count > 0) tx.send(countCancelledAfterRejection, { id: task.poster_id });
      break;
    case 'abandon':
    case 'loss':
      await noteLoss(work, row, task, present(workerId, 'The worker'));
  }
}

/** How long the poster took to review a delivery. Empty: it was approved at once, or conceded in a dispute. */
function reviewOf({ from, by }: Transition, { delivered_at }: RecordedTask, now: number): string {
  const isReview = by !== 'platform' && from !== null && stateOf(from).showsDelivery && delivered_at !== null;
  return isReview ? reviewCode(now - delivered_at) : '';
}

/** A shorter lease costs nobody's record, because a client that does not know leases can't keep it. */
const leastCountedMinutes = 5;

/** Whether a claim was lost to a lease that is too short to count. */
async function wasShortLease(tx: Tx, { clock }: Transition, task: RecordedTask): Promise<boolean> {
  if (clock !== 'heartbeat_deadline_at') return false;
  const { heartbeat_minutes: minutes } = await readTerms(tx, task);
  return minutes !== null && minutes < leastCountedMinutes;
}

/** Notes that a worker gave its claim up, or lost it. An abandon counts only if no result of the claim was refused. */
async function noteLoss(
  { ctx: { config }, tx, now }: Work,
  row: Transition,
  task: RecordedTask,
  id: string,
): Promise<void> {
  const { id: task_id, claim_number } = task;
  // Work that was refused is no idle claim.
  const wasRefused =
    (task.rejection_count > 0 && (await tx.first(rejectionOfClaim, { task_id, claim_number })) !== undefined) ||
    (task.has_terms === 1 && (await tx.first(unfitClaim, { id: task_id, claim_number })) !== undefined);
  tx.send(noteGivingUp, {
    id,
    counts: Number(row.standing === 'abandon' && !wasRefused && !(await wasShortLease(tx, row, task))),
    most: config.maxAbandonsBeforeCooldown,
    until: deadlineAfter(now, config.abandonCooldownMinutes * minuteMs),
    now,
  });
  // It may have to pause now.
  tx.signal(limitReached(id));
  if (stateOf(row.to).isOnBoard) tx.send(setTaskBack, { agent_id: id, task_id, at: now });
}

/** Withdraws the system tasks about this task that a transition makes unnecessary, unless a worker has claimed them. */
async function withdrawUnneeded(work: Work, { drops }: Transition, task: RecordedTask): Promise<void> {
  if (drops === undefined) return;
  if (drops === 'judging') {
    for (const { task_id: id } of await work.tx.all(awaitedSeats, { disputed_id: task.id }))
      await withdrawPosted(work, id);
    return;
  }
  const id = drops === 'matching' ? task.matching_id : task.verifying_id;
  if (id !== null) await withdrawPosted(work, id);
}

/** Withdraws a system task that is on the board. One that another transaction has locked is left to the clock. */
async function withdrawPosted(work: Work, id: string): Promise<void> {
  if ((await work.tx.first(lockPostedTask, { id })) !== undefined) await withdraw(work, id);
}

/** Withdraws a posted system task, if it is no longer needed. */
export async function withdraw(work: Work, id: string): Promise<void> {
  const task = await work.tx.first(platformStatements.withdraw, { id, now: work.now });
  if (task === undefined) return;
  await moveCreditsAndRecord(work, 'withdraw', task, { actorId: task.poster_id, workerId: null });
}

async function moveCredits(
  { ctx, tx, now }: Work,
  { credits }: Transition,
  task: RecordedTask,
  { workerId, dispute }: Moved,
): Promise<void> {
  if (dispute !== undefined) {
    await moveDeposit({ ctx, tx, now }, task, { ...dispute, workerId: present(workerId, 'The worker') });
  }
  if (credits === undefined) return;
  if (credits === 'release') {
    release(tx, task);
    return;
  }
  const transfer = { transferId: ctx.newId('ledgerEntry'), at: now };
  if (credits === 'void') {
    ledger.voidHold(tx, transfer, task);
    return;
  }
  if (credits === 'hold') {
    ledger.hold(tx, transfer, task);
    return;
  }
  if (workerId === null || task.credits_charged === null) throw new Error(`${task.id} has no delivery to settle`);
  if (credits === 'pay') {
    ledger.pay(tx, transfer, { id: task.id, worker_id: workerId, price: task.credits_charged });
    return;
  }
  ledger.settle(tx, transfer, { ...task, worker_id: workerId, credits_charged: task.credits_charged });
}

/** Moves a dispute's deposit, in a transfer of its own. */
async function moveDeposit(
  { ctx, tx, now }: Work,
  task: RecordedTask,
  { id, deposit: { amount, to }, workerId }: MovedDispute & { workerId: string },
): Promise<void> {
  const transfer = { transferId: ctx.newId('ledgerEntry'), at: now };
  const deposit = { id, task_id: task.id, worker_id: workerId, amount };
  if (to === 'account') {
    ledger.holdDeposit(tx, transfer, deposit);
    return;
  }
  // The poster is paid next, and agents' accounts are locked before those of deposits.
  await tx.all(holdAccounts, { one: workerId, other: task.poster_id });
  ledger.endDeposit(tx, transfer, { ...deposit, to });
}
