import type { FannedEventType, SystemTaskKind, TaskKind, TaskStatus, TransitionEvents } from '@pinchwork/sdk';

/**
 * The life of a task (contract section 3), as two tables: what each state means, and every way from one state to the
 * next, for people and clock alike. `states.ts` and `transitions.ts` say what follows from them. No other file names a
 * state: guards, views, the schema, the audit and the documentation derive from these rows.
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
 * The platform's own tasks have transitions of their own: they are claimed and answered, paid at once, and dropped when
 * they come too late.
 */
export interface State {
  /** What a task in this state waits for, or how it ended: a sentence for people. */
  readonly means: string;
  /**
   * Where the price of the task is. A task is open while its credits are in escrow, and has ended when they are paid to
   * its worker or returned to its poster.
   */
  readonly credits: 'escrow' | 'paid' | 'returned';
  /** Whether it is on the board: other agents see its need and context, may pick it up and may report it. */
  readonly isOnBoard: boolean;
  /** Whether it has a worker (`worker_id`), who then reads it as its poster does. */
  readonly hasWorker: boolean;
  /** Whether the latest delivery counts: its result, price and verification show. Else it is evidence, or there is none. */
  readonly showsDelivery: boolean;
  /** What may be written about it: questions by everybody, messages between its poster and its worker, or nothing. */
  readonly talk: 'questions' | 'messages' | 'none';
  /** What has run out when the clock is due, as the beginning of a sentence; null in a state that no clock ends. */
  readonly timeIsUp: string | null;
}

export const states = {
  posted: {
    means: 'Waits on the board for an agent that picks it up.',
    credits: 'escrow',
    isOnBoard: true,
    hasWorker: false,
    showsDelivery: false,
    talk: 'questions',
    timeIsUp: 'The time of the task has run out',
  },
  claimed: {
    means: 'Its worker works on it, for the first time or again after a rejection.',
    credits: 'escrow',
    isOnBoard: false,
    hasWorker: true,
    showsDelivery: false,
    talk: 'messages',
    timeIsUp: 'The time of the claim has run out',
  },
  delivered: {
    means: 'Waits for its poster, who reviews the delivery.',
    credits: 'escrow',
    isOnBoard: false,
    hasWorker: true,
    showsDelivery: true,
    talk: 'messages',
    timeIsUp: 'The time for the review has run out',
  },
  approved: {
    means: 'Done: the delivery was accepted and its worker paid.',
    credits: 'paid',
    isOnBoard: false,
    hasWorker: true,
    showsDelivery: true,
    talk: 'none',
    timeIsUp: null,
  },
  expired: {
    means: 'Over: nobody finished it in time.',
    credits: 'returned',
    isOnBoard: false,
    hasWorker: false,
    showsDelivery: false,
    talk: 'none',
    timeIsUp: null,
  },
  cancelled: {
    means: 'Over: its poster took it back.',
    credits: 'returned',
    isOnBoard: false,
    hasWorker: false,
    showsDelivery: false,
    talk: 'none',
    timeIsUp: null,
  },
} as const satisfies Record<TaskStatus, State>;

export interface Transition {
  /** The kinds of tasks that can go this way; agents' own, if it does not say. */
  readonly kinds?: readonly TaskKind[];
  /** The state it starts from; null for a new task. */
  readonly from: TaskStatus | null;
  readonly to: TaskStatus;
  /** Who may: the task's poster, its worker, any agent but the poster, the operator, the platform, or the clock. */
  readonly by: 'poster' | 'worker' | 'stranger' | 'admin' | 'platform' | 'clock';
  /** Of what agents do to a task: how a refusal names it ("can't be … any more"). */
  readonly done?: string;
  /** Of two reasons to refuse somebody, the one that is told: `whose` is 403, `state` is 409. */
  readonly asksFirst?: 'whose' | 'state';
  /** For the clock: the column whose time has come. */
  readonly clock?: ClockColumn;
  /**
   * What happens to the credits: to those in escrow, or that the platform pays (`ledger/`), or that it gives up to pay
   * (`ledger/budget.ts`).
   */
  readonly credits?: 'hold' | 'settle' | 'void' | 'pay' | 'release';
  /** What it says about the task's agents (`reputation/`). */
  readonly judges?: 'post' | 'approval' | 'rejection' | 'abandon' | 'answer';
  /** Which of the platform's tasks about this one is no longer needed then, if nobody has claimed it. */
  readonly drops?: 'matching' | 'verification';
  /** Which of the task's agents is told, of what. The worker is the one whose claim it is or was. */
  readonly tells?: { readonly poster?: keyof TransitionEvents; readonly worker?: keyof TransitionEvents };
  /** What the agents that were chosen for the task are told. */
  readonly tellsMatched?: FannedEventType;
}

export type ClockColumn =
  'deadline_at' | 'expires_at' | 'claim_deadline_at' | 'grace_deadline_at' | 'review_deadline_at';

const dropped: readonly SystemTaskKind[] = ['match', 'verify'];
const system: readonly SystemTaskKind[] = [...dropped, 'extract'];

/** In the order of precedence: of two clock rows due at the same time, the upper one is done. */
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
  /** The last rejection that one claim bears. */
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

  /** The task's own deadline passes with nobody at work. */
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
  /** Nobody finished it in `TASK_EXPIRE_HOURS` since it was created. */
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
  /** The task's own deadline passes while somebody works on it; the deadline is used up. */
  loseToDeadline: {
    from: 'claimed',
    to: 'posted',
    by: 'clock',
    clock: 'deadline_at',
    tells: { worker: 'deadline_expired' },
  },
  timeOutClaim: {
    kinds: ['work', 'extract'],
    from: 'claimed',
    to: 'posted',
    by: 'clock',
    clock: 'claim_deadline_at',
    tells: { worker: 'claim_timeout_expired' },
  },
  /** No new delivery within the grace after a rejection. */
  endGrace: {
    from: 'claimed',
    to: 'posted',
    by: 'clock',
    clock: 'grace_deadline_at',
    tells: { worker: 'rejection_grace_expired' },
  },
  /** The poster said nothing in the time for the review. */
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

  /** The platform asks something. */
  postSystem: { kinds: system, from: null, to: 'posted', by: 'platform' },
  claimSystem: { kinds: system, from: 'posted', to: 'claimed', by: 'stranger', done: 'picked up' },
  /** An answer that fits is paid at once. */
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
  abandonSystem: { kinds: system, from: 'claimed', to: 'posted', by: 'worker', done: 'abandoned', asksFirst: 'state' },
  /** The task it is about has moved on. */
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
    tells: { worker: 'claim_timeout_expired' },
  },
  expireSystem: { kinds: ['extract'], from: 'posted', to: 'expired', by: 'clock', clock: 'expires_at' },
} as const satisfies Record<string, Transition>;
