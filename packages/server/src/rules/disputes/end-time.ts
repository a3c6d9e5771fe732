import type { Work } from '../../storage/ground.ts';
import { endOf, outcomeOf } from './outcome.ts';
import { type DisputeRow, type SeatRow, setDisputeEnd } from './queries.ts';

type Scheduled = Parameters<typeof endOf>[0] & Pick<DisputeRow, 'task_id'>;

/** Sets when and how the clock ends a dispute that has these seats. The caller has locked the disputed task. @returns when. */
export function scheduleEnd({ tx, now }: Work, dispute: Scheduled, seats: readonly SeatRow[]): number {
  const due_at = endOf(dispute, seats, now);
  tx.send(setDisputeEnd, { id: dispute.task_id, due_at, credits: outcomeOf(dispute, seats).credits });
  return due_at;
}
