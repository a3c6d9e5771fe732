import type { FannedEventType, TaskKind, TaskStatus, TransitionEvents } from '@pinchwork/sdk/table';

/** A state: a row of the state machine (`machine/states.ts`). */
export interface State {
  /** What a task in this state waits for, or how it ended. A sentence for people. */
  readonly means: string;
  /**
   * Where the price of the task is. A task is open while its credits are in escrow, and has ended when they are paid to
   * its worker or returned to its poster.
   */
  readonly credits: 'escrow' | 'paid' | 'returned';
  /** Whether it is on the board: other agents see its need and context, and may pick it up and report it. */
  readonly isOnBoard: boolean;
  /** Whether it has a worker (`worker_id`). The worker sees as much of it as its poster. */
  readonly hasWorker: boolean;
  /**
   * Whether its latest delivery is valid, so that its result, price and verification are shown. Otherwise the delivery
   * is only evidence, or there is none.
   */
  readonly showsDelivery: boolean;
  /** Whether public pages show the beginning of its need, and its tags. */
  readonly isPreviewed: boolean;
  /**
   * What agents may write about it: questions from everybody, messages between its poster and its worker, or nothing.
   */
  readonly talk: 'questions' | 'messages' | 'none';
  /** The task in A2A: its state, and what a message of its poster may decide. Every other message is only talk. */
  readonly a2a: { readonly state: A2aState; readonly decisions: readonly ('approve' | 'reject')[] };
  /** The beginning of the refusal when the clock is due: which time has run out. Null in a state that no clock ends. */
  readonly timeIsUp: string | null;
  /** The next steps of its poster, its current or former worker, and any other agent: hints in refusals. */
  readonly next: { readonly poster: string; readonly worker: string; readonly other: string };
}

/** A state of a task in A2A, as its version 0.3 writes it. */
export type A2aState = 'submitted' | 'working' | 'input-required' | 'completed' | 'failed' | 'canceled';

/** A transition between states. */
export interface Transition {
  /** The kinds of tasks that can make this transition. Default: agents' own tasks (`work`). */
  readonly kinds?: readonly TaskKind[];
  /** The state it starts from; null for a new task. */
  readonly from: TaskStatus | null;
  readonly to: TaskStatus;
  /**
   * Who may make it: the task's poster, its worker, any agent but the poster, the operator, the platform, or the clock.
   */
  readonly by: 'poster' | 'worker' | 'stranger' | 'admin' | 'platform' | 'clock';
  /** For an agent's transition: the word for it in a refusal ("can't be … any more"). */
  readonly done?: string;
  /** Which reason is reported when two apply: `whose` (403, not the caller's task) or `state` (409). */
  readonly asksFirst?: 'whose' | 'state';
  /** For the clock: the column with the deadline. */
  readonly clock?: ClockColumn;
  /** For the clock's end of a dispute: whether the worker gets credits (`dispute_credits`). One of two rows applies. */
  readonly pays?: boolean;
  /**
   * What happens to the credits: those in escrow, those that the platform pays (`rules/ledger/`), or those that it no
   * longer reserves (`rules/ledger/budget.ts`).
   */
  readonly credits?: 'hold' | 'settle' | 'void' | 'pay' | 'release';
  /**
   * Its effect on the figures and the reputation of the task's agents (`rules/reputation/`). An `abandon` counts towards
   * the worker's pause; a `loss` does not. After both, the task comes last on the worker's board.
   */
  readonly standing?: 'post' | 'approval' | 'rejection' | 'cancel' | 'ruling' | 'abandon' | 'loss' | 'answer';
  /** Which system tasks about this task it makes unnecessary. They are withdrawn if nobody has claimed them. */
  readonly drops?: 'matching' | 'verification' | 'judging';
  /** Which of the task's parties gets which event. The worker is the agent whose claim it is or was. */
  readonly tells?: { readonly poster?: keyof TransitionEvents; readonly worker?: keyof TransitionEvents };
  /** The event for the agents that were matched to the task. */
  readonly tellsMatched?: FannedEventType;
}

/** What a worker may do to its task in a state without moving it: a row of `actions` in `machine.ts`. */
export interface Action extends Pick<Transition, 'asksFirst'> {
  readonly from: TaskStatus;
  readonly by: 'worker';
  /** The word for it in a refusal ("can't be … any more"). */
  readonly done: string;
}

export type ClockColumn =
  | 'deadline_at'
  | 'expires_at'
  | 'claim_deadline_at'
  | 'grace_deadline_at'
  | 'heartbeat_deadline_at'
  | 'review_deadline_at'
  | 'dispute_due_at';
