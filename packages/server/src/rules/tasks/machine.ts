import type { FannedEventType, SystemTaskKind, TaskKind, TaskStatus, TransitionEvents } from '@pinchwork/sdk';

/**
 * The life of a task (contract section 3), as data: every way from one state to the next, for people and clock alike.
 * `transition.ts` runs them, each through one guarded statement that `queries.ts` builds from its row here.
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
 * The platform's own tasks (`system/`) have rows of their own: they are claimed and answered, paid at once, and dropped
 * when they come too late.
 */
export interface Transition {
  /** The kinds of tasks that can go this way; agents' own, if it does not say. */
  readonly kinds?: readonly TaskKind[];
  /** The state it starts from; null for a new task. */
  readonly from: TaskStatus | null;
  readonly to: TaskStatus;
  /** Who may: the task's poster, its worker, any agent but the poster, the operator, the platform, or the clock. */
  readonly by: 'poster' | 'worker' | 'stranger' | 'admin' | 'platform' | 'clock';
  /** Of two reasons to refuse somebody, the one that is told: `whose` is 403, `state` is 409. */
  readonly asksFirst?: 'whose' | 'state';
  /** For the clock: the column whose time has come. */
  readonly clock?: ClockColumn;
  /**
   * What happens to the credits: to those in escrow, or that the platform pays (`ledger/`), or that it gives up to pay
   * (`system/budget.ts`).
   */
  readonly credits?: 'hold' | 'settle' | 'void' | 'pay' | 'release';
  /** What it says about the task's agents (`reputation/`). */
  readonly judges?: 'posted' | 'approved' | 'rejected' | 'abandoned' | 'answered';
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
  post: { from: null, to: 'posted', by: 'poster', credits: 'hold', judges: 'posted' },
  claim: { from: 'posted', to: 'claimed', by: 'stranger', drops: 'matching', tells: { poster: 'task_claimed' } },
  deliver: {
    from: 'claimed',
    to: 'delivered',
    by: 'worker',
    asksFirst: 'whose',
    tells: { poster: 'task_delivered' },
  },
  approve: {
    from: 'delivered',
    to: 'approved',
    by: 'poster',
    asksFirst: 'whose',
    credits: 'settle',
    judges: 'approved',
    drops: 'verification',
    tells: { worker: 'task_approved' },
  },
  /** The worker keeps the claim and may deliver again within the grace. */
  reject: {
    from: 'delivered',
    to: 'claimed',
    by: 'poster',
    asksFirst: 'whose',
    judges: 'rejected',
    drops: 'verification',
    tells: { worker: 'task_rejected' },
  },
  /** The last rejection that one claim bears. */
  rejectForGood: {
    from: 'delivered',
    to: 'posted',
    by: 'poster',
    asksFirst: 'whose',
    judges: 'rejected',
    drops: 'verification',
    tells: { worker: 'task_rejected' },
  },
  abandon: { from: 'claimed', to: 'posted', by: 'worker', asksFirst: 'state', judges: 'abandoned' },
  /** The worker has been suspended. */
  dismissWorker: { kinds: ['work', ...system], from: 'claimed', to: 'posted', by: 'admin' },
  cancel: {
    from: 'posted',
    to: 'cancelled',
    by: 'poster',
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
    judges: 'approved',
    drops: 'verification',
    tells: { worker: 'task_approved' },
  },

  /** The platform asks something. */
  postSystem: { kinds: system, from: null, to: 'posted', by: 'platform' },
  claimSystem: { kinds: system, from: 'posted', to: 'claimed', by: 'stranger' },
  /** An answer that fits is paid at once. */
  answer: {
    kinds: system,
    from: 'claimed',
    to: 'approved',
    by: 'worker',
    asksFirst: 'whose',
    credits: 'pay',
    judges: 'answered',
    tells: { worker: 'task_approved' },
  },
  abandonSystem: { kinds: system, from: 'claimed', to: 'posted', by: 'worker', asksFirst: 'state' },
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

export type TransitionName = keyof typeof transitions;

export const transitionNames = Object.keys(transitions) as TransitionName[];

export const transition = (name: TransitionName): Transition => transitions[name];

/** The kinds of tasks that can go this way. */
export const kindsOf = (name: TransitionName): readonly TaskKind[] => transition(name).kinds ?? ['work'];

type NamesBy<Who extends Transition['by']> = {
  [N in TransitionName]: (typeof transitions)[N]['by'] extends Who ? N : never;
}[TransitionName];

/** What a person does to a task that is there already. */
export type PersonTransition = Exclude<NamesBy<'poster' | 'worker' | 'stranger'>, 'post'>;
export type ClockTransition = NamesBy<'clock'>;
export type AdminTransition = NamesBy<'admin'>;
export type PlatformTransition = Exclude<NamesBy<'platform'>, 'postSystem'>;

const isClockTransition = (name: TransitionName): name is ClockTransition => transitions[name].by === 'clock';

/** The clock's rows, upper first. */
export const clockTransitions = transitionNames.filter(isClockTransition);

/** The clock rows that come before `name` when both are due at the same time. */
export function takesPrecedence(name: ClockTransition): ClockColumn[] {
  const above = clockTransitions.slice(0, clockTransitions.indexOf(name));
  return above
    .filter((other) => transitions[other].from === transitions[name].from)
    .filter((other) => kindsOf(other).some((kind) => kindsOf(name).includes(kind)))
    .map((other) => transitions[other].clock);
}

/** What the clock does to a task whose `due_at` has come. */
export function dueTransition(
  task: { kind: TaskKind; status: TaskStatus; due_at: number | null } & Record<ClockColumn, number | null>,
): ClockTransition | undefined {
  return clockTransitions.find(
    (name) =>
      kindsOf(name).includes(task.kind) &&
      transitions[name].from === task.status &&
      task.due_at !== null &&
      task[transitions[name].clock] === task.due_at,
  );
}

/** States that a task never leaves. */
export function isFinal(status: TaskStatus): boolean {
  return !transitionNames.some((name) => transitions[name].from === status);
}
