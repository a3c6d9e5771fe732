import type { TaskStatus, TransitionEvents } from '@pinchwork/sdk';

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
 */
export interface Transition {
  /** The state it starts from; null for a new task. */
  readonly from: TaskStatus | null;
  readonly to: TaskStatus;
  /** Who may: the task's poster, its worker, any agent but the poster, the operator, or the clock. */
  readonly by: 'poster' | 'worker' | 'stranger' | 'admin' | 'clock';
  /** Of two reasons to refuse somebody, the one that is told: `whose` is 403, `state` is 409. */
  readonly asksFirst?: 'whose' | 'state';
  /** For the clock: the column whose time has come. */
  readonly clock?: ClockColumn;
  /** What happens to the credits in escrow (`ledger/`). */
  readonly credits?: 'hold' | 'settle' | 'void';
  /** What it says about the task's agents (`reputation/`). */
  readonly judges?: 'posted' | 'approved' | 'rejected' | 'abandoned';
  /** Which of the task's agents is told, of what. The worker is the one whose claim it is or was. */
  readonly tells?: { readonly poster?: keyof TransitionEvents; readonly worker?: keyof TransitionEvents };
}

export type ClockColumn =
  'deadline_at' | 'expires_at' | 'claim_deadline_at' | 'grace_deadline_at' | 'review_deadline_at';

/** In the order of precedence: of two clock rows due at the same time, the upper one is done. */
export const transitions = {
  post: { from: null, to: 'posted', by: 'poster', credits: 'hold', judges: 'posted' },
  claim: { from: 'posted', to: 'claimed', by: 'stranger', tells: { poster: 'task_claimed' } },
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
    tells: { worker: 'task_approved' },
  },
  /** The worker keeps the claim and may deliver again within the grace. */
  reject: {
    from: 'delivered',
    to: 'claimed',
    by: 'poster',
    asksFirst: 'whose',
    judges: 'rejected',
    tells: { worker: 'task_rejected' },
  },
  /** The last rejection that one claim bears. */
  rejectForGood: {
    from: 'delivered',
    to: 'posted',
    by: 'poster',
    asksFirst: 'whose',
    judges: 'rejected',
    tells: { worker: 'task_rejected' },
  },
  abandon: { from: 'claimed', to: 'posted', by: 'worker', asksFirst: 'state', judges: 'abandoned' },
  /** The worker has been suspended. */
  dismissWorker: { from: 'claimed', to: 'posted', by: 'admin' },
  cancel: { from: 'posted', to: 'cancelled', by: 'poster', asksFirst: 'whose', credits: 'void' },

  /** The task's own deadline passes with nobody at work. */
  missDeadline: {
    from: 'posted',
    to: 'expired',
    by: 'clock',
    clock: 'deadline_at',
    credits: 'void',
    tells: { poster: 'task_expired' },
  },
  /** Nobody finished it in `TASK_EXPIRE_HOURS` since it was created. */
  expire: {
    from: 'posted',
    to: 'expired',
    by: 'clock',
    clock: 'expires_at',
    credits: 'void',
    tells: { poster: 'task_expired' },
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
    tells: { worker: 'task_approved' },
  },
} as const satisfies Record<string, Transition>;

export type TransitionName = keyof typeof transitions;

export const transitionNames = Object.keys(transitions) as TransitionName[];

export const transition = (name: TransitionName): Transition => transitions[name];

type NamesBy<Who extends Transition['by']> = {
  [N in TransitionName]: (typeof transitions)[N]['by'] extends Who ? N : never;
}[TransitionName];

/** What a person does to a task that is there already. */
export type PersonTransition = Exclude<NamesBy<'poster' | 'worker' | 'stranger'>, 'post'>;
export type ClockTransition = NamesBy<'clock'>;
export type AdminTransition = NamesBy<'admin'>;

const isClockTransition = (name: TransitionName): name is ClockTransition => transitions[name].by === 'clock';

/** The clock's rows, upper first. */
export const clockTransitions = transitionNames.filter(isClockTransition);

/** The clock rows that come before `name` when both are due at the same time. */
export function takesPrecedence(name: ClockTransition): ClockColumn[] {
  const above = clockTransitions.slice(0, clockTransitions.indexOf(name));
  return above
    .filter((other) => transitions[other].from === transitions[name].from)
    .map((other) => transitions[other].clock);
}

/** What the clock does to a task whose `due_at` has come. */
export function dueTransition(
  task: { status: TaskStatus; due_at: number | null } & Record<ClockColumn, number | null>,
): ClockTransition | undefined {
  return clockTransitions.find(
    (name) =>
      transitions[name].from === task.status && task.due_at !== null && task[transitions[name].clock] === task.due_at,
  );
}

/** States that a task never leaves. */
export function isFinal(status: TaskStatus): boolean {
  return !transitionNames.some((name) => transitions[name].from === status);
}
