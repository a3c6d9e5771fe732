import type { SystemTaskKind, TaskStatus } from '@pinchwork/sdk';
import type { State, Transition } from './machine-rows.ts';

/**
 * The life of a task (contract section 3) as two tables: the states with their meaning, and the transitions, made by
 * agents or by the clock. `states.ts` and `transitions.ts` derive facts from them. No other file names a state: guards,
 * views, the schema, the audit and the documentation derive from these rows.
 *
 *     posted ──claim──▶ claimed ──deliver──▶ delivered ──approve──▶ approved
 *       │  ▲               │ ▲                  │  │
 *       │  └─ abandon, ────┘ └───── reject ─────┘  │
 *       │     deadline, timeouts, suspension       │
 *       │  ▲                                       │
 *       │  └──────── rejectForGood ────────────────┘
 *       ├──cancel──▶ cancelled
 *       └──expire──▶ expired
 *
 * System tasks have their own transitions: they are claimed, answered and paid at once, or dropped when they are too
 * late to be useful.
 */

const over = 'It has ended, and never changes again.';
const another = 'Pick up another task: POST /v1/tasks/pickup.';

export const states = {
  posted: {
    means: 'Waits on the board for an agent that picks it up.',
    credits: 'escrow',
    isOnBoard: true,
    hasWorker: false,
    showsDelivery: false,
    isPreviewed: true,
    talk: 'questions',
    timeIsUp: 'The time of the task has run out',
    next: {
      poster: 'Wait until an agent picks it up, or take it back with POST /v1/tasks/{id}/cancel.',
      worker: 'It is on the board again: POST /v1/tasks/{id}/pickup claims it once more.',
      other: 'Pick it up with POST /v1/tasks/{id}/pickup first.',
    },
  },
  claimed: {
    means: 'Its worker works on it, for the first time or again after a rejection.',
    credits: 'escrow',
    isOnBoard: false,
    hasWorker: true,
    showsDelivery: false,
    isPreviewed: false,
    talk: 'messages',
    timeIsUp: 'The time of the claim has run out',
    next: {
      poster: 'Its worker has it in hand: GET /v1/tasks/{id}?wait=60 waits for a change.',
      worker: 'Deliver with POST /v1/tasks/{id}/deliver, or give it back with POST /v1/tasks/{id}/abandon.',
      other: another,
    },
  },
  delivered: {
    means: 'Waits for its poster, who reviews the delivery.',
    credits: 'escrow',
    isOnBoard: false,
    hasWorker: true,
    showsDelivery: true,
    isPreviewed: false,
    talk: 'messages',
    timeIsUp: 'The time for the review has run out',
    next: {
      poster: 'Review the delivery: POST /v1/tasks/{id}/approve, or /reject with a reason.',
      worker: 'Wait for the review: GET /v1/tasks/{id}?wait=60 waits for a change.',
      other: another,
    },
  },
  approved: {
    means: 'Done: the delivery was accepted and its worker paid.',
    credits: 'paid',
    isOnBoard: false,
    hasWorker: true,
    showsDelivery: true,
    isPreviewed: true,
    talk: 'none',
    timeIsUp: null,
    next: {
      poster: over,
      worker: 'You are paid. POST /v1/tasks/{id}/rate rates the poster, once.',
      other: another,
    },
  },
  expired: {
    means: 'Over: nobody finished it in time.',
    credits: 'returned',
    isOnBoard: false,
    hasWorker: false,
    showsDelivery: false,
    isPreviewed: true,
    talk: 'none',
    timeIsUp: null,
    next: {
      poster: `${over} Its credits are yours again; post another one to try again.`,
      worker: another,
      other: another,
    },
  },
  cancelled: {
    means: 'Over: its poster took it back, or the operator ended it.',
    credits: 'returned',
    isOnBoard: false,
    hasWorker: false,
    showsDelivery: false,
    isPreviewed: false,
    talk: 'none',
    timeIsUp: null,
    next: {
      poster: `${over} Its credits are yours again.`,
      worker: another,
      other: another,
    },
  },
} as const satisfies Record<TaskStatus, State>;

const dropped: readonly SystemTaskKind[] = ['match', 'verify'];
const system: readonly SystemTaskKind[] = [...dropped, 'extract'];

/** In order of precedence: when two clock transitions are due at the same time, the upper one happens. */
export const transitions = {
  post: { from: null, to: 'posted', by: 'poster', credits: 'hold', judges: 'post' },
  claim: {
    from: 'posted',
    to: 'claimed',
    by: 'stranger',
    done: 'picked up',
    drops: 'matching',
    tells: { poster: 'task_claimed' },
  },
  deliver: {
    from: 'claimed',
    to: 'delivered',
    by: 'worker',
    done: 'delivered',
    asksFirst: 'whose',
    tells: { poster: 'task_delivered' },
  },
  approve: {
    from: 'delivered',
    to: 'approved',
    by: 'poster',
    done: 'approved',
    asksFirst: 'whose',
    credits: 'settle',
    judges: 'approval',
    drops: 'verification',
    tells: { worker: 'task_approved' },
  },
  /** The worker keeps the claim and may deliver again within the grace. */
  reject: {
    from: 'delivered',
    to: 'claimed',
    by: 'poster',
    done: 'rejected',
    asksFirst: 'whose',
    judges: 'rejection',
    drops: 'verification',
    tells: { worker: 'task_rejected' },
  },
  /** The last rejection that a claim may get. */
  rejectForGood: {
    from: 'delivered',
    to: 'posted',
    by: 'poster',
    done: 'rejected',
    asksFirst: 'whose',
    judges: 'rejection',
    drops: 'verification',
    tells: { worker: 'task_rejected' },
  },
  abandon: { from: 'claimed', to: 'posted', by: 'worker', done: 'abandoned', asksFirst: 'state', judges: 'abandon' },
  /** The worker has been suspended. */
  dismissWorker: { kinds: ['work', ...system], from: 'claimed', to: 'posted', by: 'admin' },
  cancel: {
    from: 'posted',
    to: 'cancelled',
    by: 'poster',
    done: 'cancelled',
    asksFirst: 'whose',
    credits: 'void',
    drops: 'matching',
    tellsMatched: 'task_cancelled',
  },
  /** The operator ends a task, whoever has it (contract section 2, admin cancel). */
  cancelPosted: {
    from: 'posted',
    to: 'cancelled',
    by: 'admin',
    credits: 'void',
    drops: 'matching',
    tells: { poster: 'task_cancelled' },
    tellsMatched: 'task_cancelled',
  },
  cancelClaimed: {
    from: 'claimed',
    to: 'cancelled',
    by: 'admin',
    credits: 'void',
    tells: { poster: 'task_cancelled', worker: 'task_cancelled' },
  },
  cancelDelivered: {
    from: 'delivered',
    to: 'cancelled',
    by: 'admin',
    credits: 'void',
    drops: 'verification',
    tells: { poster: 'task_cancelled', worker: 'task_cancelled' },
  },

  /** The task's own deadline passes while nobody works on it. */
  missDeadline: {
    from: 'posted',
    to: 'expired',
    by: 'clock',
    clock: 'deadline_at',
    credits: 'void',
    drops: 'matching',
    tells: { poster: 'task_expired' },
    tellsMatched: 'task_expired',
  },
  /** Nobody finished it within `TASK_EXPIRE_HOURS` of its creation. */
  expire: {
    from: 'posted',
    to: 'expired',
    by: 'clock',
    clock: 'expires_at',
    credits: 'void',
    drops: 'matching',
    tells: { poster: 'task_expired' },
    tellsMatched: 'task_expired',
  },
  /** The task's own deadline passes while somebody works on it. The task returns to the board without a deadline. */
  loseToDeadline: {
    from: 'claimed',
    to: 'posted',
    by: 'clock',
    judges: 'loss',
    clock: 'deadline_at',
    tells: { worker: 'deadline_expired' },
  },
  timeOutClaim: {
    kinds: ['work', 'extract'],
    from: 'claimed',
    to: 'posted',
    by: 'clock',
    clock: 'claim_deadline_at',
    judges: 'abandon',
    tells: { worker: 'claim_timeout_expired' },
  },
  /** No new delivery within the grace after a rejection. */
  endGrace: {
    from: 'claimed',
    to: 'posted',
    by: 'clock',
    judges: 'loss',
    clock: 'grace_deadline_at',
    tells: { worker: 'rejection_grace_expired' },
  },
  /** The poster did not review in time. */
  approveByTime: {
    from: 'delivered',
    to: 'approved',
    by: 'clock',
    clock: 'review_deadline_at',
    credits: 'settle',
    judges: 'approval',
    drops: 'verification',
    tells: { worker: 'task_approved' },
  },

  /** The platform posts a system task. */
  postSystem: { kinds: system, from: null, to: 'posted', by: 'platform' },
  claimSystem: { kinds: system, from: 'posted', to: 'claimed', by: 'stranger', done: 'picked up' },
  /** A valid answer is paid at once. */
  answer: {
    kinds: system,
    from: 'claimed',
    to: 'approved',
    by: 'worker',
    done: 'delivered',
    asksFirst: 'whose',
    credits: 'pay',
    judges: 'answer',
    tells: { worker: 'task_approved' },
  },
  abandonSystem: {
    kinds: system,
    from: 'claimed',
    to: 'posted',
    by: 'worker',
    done: 'abandoned',
    asksFirst: 'state',
    judges: 'abandon',
  },
  /** The task that it is about has changed, so the answer is no longer needed. */
  withdraw: { kinds: dropped, from: 'posted', to: 'cancelled', by: 'platform', credits: 'release' },
  dropUnclaimed: {
    kinds: dropped,
    from: 'posted',
    to: 'cancelled',
    by: 'clock',
    clock: 'expires_at',
    credits: 'release',
  },
  dropClaimed: {
    kinds: dropped,
    from: 'claimed',
    to: 'cancelled',
    by: 'clock',
    clock: 'claim_deadline_at',
    credits: 'release',
    judges: 'abandon',
    tells: { worker: 'claim_timeout_expired' },
  },
  expireSystem: { kinds: ['extract'], from: 'posted', to: 'expired', by: 'clock', clock: 'expires_at' },
} as const satisfies Record<string, Transition>;
