import type { DisputeStatus } from '@pinchwork/sdk/table';
import { wireTime } from '../../ground/clock.ts';
import type { Transition } from '../../ground/machine/rows.ts';
import type { Work } from '../../storage/ground.ts';
import { appendEvent, type NewEvent } from '../events/append.ts';
import type { RecordedTask } from '../tasks/queries.ts';

/** The dispute that a transition begins or ends. */
export interface MovedDispute {
  readonly id: string;
  readonly status: DisputeStatus;
  readonly reason: string;
  /** The worker's share in percent, null where nobody ruled; and what it is charged for. */
  readonly workerShare: number | null;
  readonly credits: number;
  readonly explanation: string | null;
  /** Where the worker's deposit goes: into its account, back to the worker, or to the fees. */
  readonly deposit: { readonly amount: number; readonly to: 'account' | 'worker' | 'fees' };
}

export interface Moved {
  /** The agent that did it; null for the clock. */
  readonly actorId: string | null;
  /** The worker of the claim, even if this transition ends the claim. */
  readonly workerId: string | null;
  /** The poster's rating of the worker, with an approval. */
  readonly rating?: number | null;
  /** Why the operator cancelled the task. */
  readonly reason?: string;
  readonly dispute?: MovedDispute;
  /** Further events to append with the transition's own. */
  readonly also?: readonly NewEvent[];
}

/** The numbers of the parties' own events, each in its own stream. */
export interface EventNumbers {
  poster?: number | undefined;
  worker?: number | undefined;
}

interface OwnEvent {
  readonly party: 'poster' | 'worker';
  readonly event: NewEvent;
}

/** The events that a transition sends to the parties. */
export function eventsOf({ tells }: Transition, task: RecordedTask, moved: Moved): OwnEvent[] {
  const events: OwnEvent[] = [];
  if (tells === undefined) return events;
  for (const party of parties) {
    const agentId = party === 'poster' ? task.poster_id : moved.workerId;
    const type = tells[party];
    if (agentId === null || type === undefined) continue;
    // The table gives each type its own data.
    events.push({ party, event: { agentId, taskId: task.id, type, data: eventData[type](task, moved) } as NewEvent });
  }
  return events;
}

const parties = ['poster', 'worker'] as const;

/** Appends events in the order of the agents' ids. @returns the numbers of the parties' own events. */
export async function appendInOrder(
  work: Work,
  own: readonly OwnEvent[],
  also: readonly NewEvent[] = [],
): Promise<EventNumbers> {
  const numbers: EventNumbers = {};
  const [only] = own;
  if (only === undefined && also.length === 0) return numbers;
  const others = also.map((event) => ({ party: undefined, event }));
  const all = [...own, ...others].sort((a, b) => (a.event.agentId < b.event.agentId ? -1 : 1));
  for (const { party, event } of all) {
    const number = await appendEvent(work, event);
    if (party !== undefined) numbers[party] = number;
  }
  return numbers;
}

const ofWorker = (_: RecordedTask, { workerId }: Moved) => ({ worker_id: workerId });
const nothing = () => ({});

/** The data of each type of event that a transition appends (contract section 8). */
const eventData = {
  task_claimed: ofWorker,
  task_delivered: ofWorker,
  task_expired: ofWorker,
  task_approved: (task: RecordedTask, { rating }: Moved) => ({ credits: task.credits_charged, rating: rating ?? null }),
  task_rejected: (task: RecordedTask) => ({
    reason: task.rejection_reason,
    feedback: task.rejection_feedback,
    grace_deadline: wireTime(task.grace_deadline_at),
    rejection_count: task.rejection_count,
    // The claim of a suspended worker has ended.
    deliveries_left: task.deliveries_left ?? 0,
  }),
  deadline_expired: nothing,
  rejection_grace_expired: nothing,
  claim_timeout_expired: nothing,
  heartbeat_missed: nothing,
  task_disputed: (_: RecordedTask, { dispute }: Moved) => ({ dispute_id: dispute?.id, reason: dispute?.reason }),
  dispute_resolved: (_: RecordedTask, { dispute }: Moved) => ({
    dispute_id: dispute?.id,
    status: dispute?.status,
    worker_share: dispute?.workerShare,
    credits: dispute?.credits,
    explanation: dispute?.explanation,
  }),
  task_cancelled: (_: RecordedTask, { reason }: Moved) => ({ reason: reason ?? null }),
};
