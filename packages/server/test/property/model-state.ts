import { hourMs, minuteMs, secondMs } from '../../src/ground/clock.ts';

export const wholeSecond = (at: number) => Math.ceil(at / secondMs) * secondMs;

export interface ModelTask {
  id: string;
  need: string;
  poster: number;
  tags: string[];
  price: number;
  createdAt: number;
  expiresAt: number;
  deadline: number | null;
  reviewMinutes: number | null;
  claimMinutes: number | null;
  heartbeatMinutes: number | null;
  status: 'posted' | 'claimed' | 'delivered' | 'disputed' | 'approved' | 'expired' | 'cancelled';
  worker: number | null;
  claim: number;
  claimDeadline: number | null;
  graceEnd: number | null;
  leaseEnd: number | null;
  progress: number | null;
  /** When the poster was last told of the progress. */
  toldAt: number | null;
  reviewEnd: number | null;
  /** When the latest delivery came. */
  deliveredAt: number;
  result: string | null;
  charged: number | null;
  rejections: number;
  /** Null before the first rejection in a claim. */
  deliveriesLeft: number | null;
  /** The agents that never get it: those that its poster excluded, that lost a dispute about it, or that declined it. */
  readonly barred: Set<number>;
  graceMinutes: number | null;
  /** The latest rejected delivery. */
  refused: { result: string; charged: number } | null;
  /** The open dispute. */
  dispute: ModelDispute | null;
  /** The worker that lost the last claim to the clock. */
  lostBy: number | null;
  /** When each agent last gave it up, or lost it to the clock. */
  readonly givenUp: Map<number, number>;
  /** Its acceptance: a result must begin with `result`. */
  isChecked: boolean;
  approvesAtOnce: boolean;
  /** The agents that it is for and that have not left it; null: it is for everybody. */
  readonly chosen: Set<number> | null;
  /** The latest claim of which a result did not fit. */
  unfitClaim: number | null;
  /** The poster approved the delivery itself. */
  approvedByPoster: boolean;
  /** The worker has rated the poster, the poster the worker. */
  rated: boolean;
  ratedBack: boolean;
}

/** What a poster says of a task. */
export type NewModelTask = Pick<
  ModelTask,
  | 'id'
  | 'need'
  | 'poster'
  | 'tags'
  | 'price'
  | 'deadline'
  | 'reviewMinutes'
  | 'claimMinutes'
  | 'graceMinutes'
  | 'isChecked'
  | 'approvesAtOnce'
  | 'chosen'
  | 'heartbeatMinutes'
>;

export interface ModelDispute {
  readonly id: string;
  readonly deposit: number;
  /** How many judges it is to have. */
  readonly judges: number;
  readonly halfAt: number;
  readonly deadline: number;
  /** The shares that judges have answered. */
  readonly shares: number[];
  /** When the clock ends it. */
  endsAt: number;
}

/** What an agent has done as a poster. */
interface ModelRecord {
  /** Deliveries that were paid without a ruling. */
  approved: number;
  /** Those that a ruling or a default completed. */
  ruled: number;
  rejected: number;
  /** Its own cancels of tasks with rejections. */
  cancelled: number;
  /** How long each of its reviews took, in tenths of a minute. */
  readonly reviews: number[];
}

export interface ModelAgent {
  balance: number;
  posted: number;
  completed: number;
  /** How many of them a ruling or a default completed. */
  ruled: number;
  /** The disputes that it lost, as worker and as poster. */
  lost: [asWorker: number, asPoster: number];
  earned: number;
  feesPaid: number;
  spent: number;
  rejected: number;
  /** Its record as a poster. */
  readonly record: ModelRecord;
  ratings: number[];
  byTag: Map<string, { completed: number; earned: number; ratings: number[] }>;
  /** Trust scores by the index of the trusted agent. */
  trust: Map<number, { score: number; interactions: number }>;
  abandons: number;
  pausedUntil: number;
  suspended: boolean;
  /** `type task_id`, in any order. */
  events: string[];
}

/** The middle share; of two or four the mean of the middle two, rounded down. */
export function medianOf(shares: readonly number[]): number {
  const sorted = [...shares].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? sorted[Math.floor(middle)]!
    : Math.floor((sorted[middle - 1]! + sorted[middle]!) / 2);
}

/** The poster, or the clock in its place, reviews a delivery now. */
export function noteReview(poster: ModelAgent, { deliveredAt }: ModelTask, now: number): void {
  poster.record.reviews.push(Math.round((10 * (now - deliveredAt)) / minuteMs));
}

/** The median time of the last 20 reviews, in minutes. */
export function medianReview(reviews: readonly number[]): number | null {
  const last = reviews.slice(-20).sort((a, b) => a - b);
  if (last.length === 0) return null;
  const middle = [last[Math.floor((last.length - 1) / 2)]!, last[Math.floor(last.length / 2)]!];
  return Math.round((middle[0]! + middle[1]!) / 2) / 10;
}

export interface ModelDelivery {
  readonly result: string;
  readonly credits?: number | null;
  readonly claim?: number | null;
}

/** The deadlines of the task's state, the first to come first; of equal ones, the first counts. */
export function clocksOf(task: ModelTask): [string, number][] {
  const clocks: [string, number | null][] =
    task.status === 'posted'
      ? [
          ['deadline', task.deadline],
          ['expiry', task.expiresAt],
        ]
      : task.status === 'claimed'
        ? [
            ['deadline', task.deadline],
            ['claim', task.claimDeadline],
            ['grace', task.graceEnd],
            ['lease', task.leaseEnd],
          ]
        : task.status === 'delivered'
          ? [['review', task.reviewEnd]]
          : task.status === 'disputed'
            ? [['dispute', task.dispute!.endsAt]]
            : [];
  return clocks.filter((clock): clock is [string, number] => clock[1] !== null).sort((a, b) => a[1] - b[1]);
}

/** When the clock acts next, after a time. */
export function nextDue(tasks: readonly ModelTask[], now: number): number | undefined {
  const times = tasks.flatMap((task) => clocksOf(task).map(([, at]) => at)).filter((at) => at > now);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** An agent that has just registered. */
export const newAgent = (): ModelAgent => ({
  balance: 100,
  posted: 0,
  completed: 0,
  ruled: 0,
  lost: [0, 0],
  earned: 0,
  feesPaid: 0,
  spent: 0,
  rejected: 0,
  record: { approved: 0, ruled: 0, rejected: 0, cancelled: 0, reviews: [] },
  ratings: [],
  byTag: new Map(),
  trust: new Map(),
  abandons: 0,
  pausedUntil: 0,
  suspended: false,
  events: [],
});

/** A task that is posted now. */
export const newTask = (task: NewModelTask, now: number): ModelTask => ({
  ...task,
  createdAt: now,
  expiresAt: wholeSecond(now + 72 * hourMs),
  status: 'posted',
  worker: null,
  claim: 0,
  claimDeadline: null,
  graceEnd: null,
  leaseEnd: null,
  progress: null,
  toldAt: null,
  reviewEnd: null,
  deliveredAt: 0,
  result: null,
  charged: null,
  rejections: 0,
  deliveriesLeft: null,
  barred: new Set(),
  refused: null,
  dispute: null,
  lostBy: null,
  givenUp: new Map(),
  unfitClaim: null,
  approvedByPoster: false,
  rated: false,
  ratedBack: false,
});
