import type { DisputeStatus } from '@pinchwork/sdk/table';
import { transitions } from '../../ground/machine.ts';
import type { ClockTransition } from '../../ground/transitions.ts';
import { present } from '../../ground/present.ts';
import type { Tx } from '../../storage/database.ts';
import type { Work } from '../../storage/ground.ts';
import { stateOf } from '../../ground/states.ts';
import { endOfferOnBoard } from '../lifecycle/offers.ts';
import type { NewEvent } from '../events/append.ts';
import { moveCreditsAndRecord } from '../lifecycle/transition.ts';
import type { RecordedTask } from '../tasks/queries.ts';
import { outcomeOf } from './outcome.ts';
import { closeDispute, type DisputeRow, openDisputeOf, seatsOf } from './queries.ts';

type DisputeEnd =
  | 'withdrawDispute'
  | 'concede'
  | 'decideForWorker'
  | 'decideForPoster'
  | 'cancelDisputed'
  | 'ruleForWorker'
  | 'ruleForPoster';

interface End {
  readonly dispute: DisputeRow;
  readonly status: DisputeStatus;
  /** In percent; null where nobody ruled. */
  readonly share: number | null;
  /** What the worker is charged for. */
  readonly credits: number;
  readonly explanation: string | null;
  /** Whether the worker loses its deposit. */
  readonly forfeits: boolean;
  readonly actorId: string | null;
  /** The poster's rating of the worker, where it concedes. */
  readonly rating?: number | null;
  /** Further events to append with those of the end. */
  readonly also?: readonly NewEvent[];
}

/**
 * Ends a dispute after the guarded statement of its transition has changed the task: its row, the deposit, and all that
 * follows from the transition.
 */
export async function endDispute(work: Work, name: DisputeEnd, task: RecordedTask, end: End): Promise<void> {
  const { dispute, status, share, credits, forfeits, actorId, rating = null } = end;
  const explanation = task.texts_removed === null ? end.explanation : null;
  const { id, reason, worker_id: workerId, deposit: amount } = dispute;
  work.tx.send(closeDispute, { id, status, worker_share: share, credits, explanation, now: work.now });
  // It never gets the task again, also as one of the chosen agents.
  if (stateOf(task.status).isOnBoard && task.is_for_chosen === 1) await endOfferOnBoard(work, task.id, workerId);
  const deposit = { amount, to: forfeits ? 'fees' : 'worker' } as const;
  await moveCreditsAndRecord(work, name, task, {
    actorId,
    workerId,
    rating,
    ...(end.also === undefined ? {} : { also: end.also }),
    dispute: { id, status, reason, workerShare: share, credits, explanation, deposit },
  });
}

/** The dispute of a disputed task. */
export const disputeOf = async (tx: Tx, taskId: string): Promise<DisputeRow> =>
  present(await tx.first(openDisputeOf, { task_id: taskId }), `The dispute of ${taskId}`);

/** Whether a transition of the clock ends a dispute. */
export const endsDispute = (name: ClockTransition): name is 'ruleForWorker' | 'ruleForPoster' =>
  transitions[name].from === transitions.dispute.to;

/** Ends a dispute whose time is up: by the judges' answers, or by default. */
export async function endDueDispute(
  work: Work,
  name: 'ruleForWorker' | 'ruleForPoster',
  task: RecordedTask,
): Promise<void> {
  const dispute = await disputeOf(work.tx, task.id);
  const outcome = outcomeOf(dispute, await work.tx.all(seatsOf, { dispute_id: dispute.id }));
  const forfeits = outcome.status === 'ruled' && outcome.credits === 0;
  await endDispute(work, name, task, { dispute, ...outcome, forfeits, actorId: null });
}
