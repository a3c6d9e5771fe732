import { type JudgeAnswer, limits } from '@pinchwork/sdk/table';
import { present } from '../../ground/present.ts';
import type { Work } from '../../storage/ground.ts';
import { holdDisputedOf } from '../lifecycle/seats.ts';
import { clockDue } from '../tasks/due.ts';
import { scheduleEnd } from './end-time.ts';
import { answerSeat, disputeById, seatById, seatsOf } from './queries.ts';

/**
 * Notes a judge's answer. If it decides the dispute, the clock ends it: at once, or at half of its time. An answer that
 * comes after the end is paid like any other, and has no effect.
 *
 * @param systemTaskId the judge's system task, which the caller has locked.
 */
export async function noteAnswer(work: Work, systemTaskId: string, answer: JudgeAnswer): Promise<void> {
  const { tx, now } = work;
  const task = present(await tx.first(holdDisputedOf, { id: systemTaskId }), 'The disputed task');
  const seat = await tx.one(seatById, { task_id: systemTaskId });
  const dispute = await tx.one(disputeById, { id: seat.dispute_id });
  const isLate = dispute.status !== 'open' || task.due_at === null || task.due_at <= now;
  const explanation =
    task.texts_removed === null ? Array.from(answer.explanation).slice(0, limits.judgeExplanationLength).join('') : '';
  const { worker_share } = answer;
  const status = isLate ? 'late' : 'answered';
  await tx.run(answerSeat, { task_id: systemTaskId, status, worker_share, explanation, answered_at: now });
  if (isLate) return;
  const due_at = scheduleEnd(work, dispute, await tx.all(seatsOf, { dispute_id: dispute.id }));
  if (due_at <= now) tx.signal(clockDue);
}
