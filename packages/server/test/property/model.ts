import { hourMs, minuteMs, secondMs } from '../../src/ground/clock.ts';
import {
  clocksOf,
  medianOf,
  type ModelAgent,
  type ModelDelivery,
  type ModelDispute,
  type ModelTask,
  newAgent,
  type NewModelTask,
  newTask,
  noteReview,
  wholeSecond,
} from './model-state.ts';

const feePercent = 10;
const maxRejections = 3;
const graceMinutes = 5;
const lastGraceMinutes = 60;
export const maxAbandons = 3;
const pauseMs = 30 * minuteMs;
const disputeHours = 72;
const openDisputes = 3;
/** A task of a lower price has no judges. */
const judgedFrom = 20;
const judgeCount = 3;

/**
 * A second, simple implementation of contract sections 3, 4 and 5 with arrays and numbers. It shares no code with the
 * server, so that the two can be compared.
 */
export class Model {
  now: number;
  fees = 0;
  readonly agents: ModelAgent[];
  readonly tasks: ModelTask[] = [];

  constructor(now: number, agents: number) {
    this.now = now;
    this.agents = Array.from({ length: agents }, newAgent);
  }

  #agent(index: number | null): ModelAgent {
    return this.agents[index!]!;
  }

  isSuspended(agent: number): boolean {
    return this.#agent(agent).suspended;
  }

  isPaused(agent: number): boolean {
    return this.#agent(agent).pausedUntil > this.now;
  }

  suspend(agent: number): void {
    this.#agent(agent).suspended = true;
    for (const task of this.tasks) {
      if (task.worker === agent && task.status === 'claimed' && !this.isDue(task)) this.#release(task, null);
    }
  }

  unsuspend(agent: number): void {
    this.#agent(agent).suspended = false;
  }

  #dealt(truster: number, trusted: number, well: boolean): void {
    const { trust } = this.#agent(truster);
    const { score, interactions } = trust.get(trusted) ?? { score: 0.5, interactions: 0 };
    trust.set(trusted, { score: well ? score + (1 - score) / 10 : score * 0.9, interactions: interactions + 1 });
  }

  #tag(agent: number, tag: string) {
    const { byTag } = this.#agent(agent);
    const known = byTag.get(tag) ?? { completed: 0, earned: 0, ratings: [] };
    byTag.set(tag, known);
    return known;
  }

  #tell(agent: number | null, type: string, task: ModelTask): void {
    this.#agent(agent).events.push(`${type} ${task.id}`);
  }

  isDue(task: ModelTask): boolean {
    const [first] = clocksOf(task);
    return first !== undefined && first[1] <= this.now;
  }

  post(task: NewModelTask): void {
    this.#agent(task.poster).balance -= task.price;
    this.#agent(task.poster).posted++;
    this.tasks.push(newTask(task, this.now));
    this.#tellChosen('task_offered', this.tasks.at(-1)!);
  }

  #tellChosen(type: string, task: ModelTask): void {
    for (const agent of task.chosen ?? []) this.#tell(agent, type, task);
  }

  /**
   * The tasks that an agent would get next: those that it was chosen for, then the oldest that it may claim; those that
   * it gave up in the last day last, and not at all in the first ten minutes.
   */
  board(agent: number, tag: string | null): ModelTask[] {
    return this.tasks
      .filter((task) => task.status === 'posted' && !this.isDue(task) && task.poster !== agent)
      .filter((task) => !this.isSuspended(task.poster) && !task.barred.has(agent))
      .filter(({ chosen }) => chosen?.has(agent) ?? true)
      .filter((task) => tag === null || task.tags.some((each) => each.toLowerCase() === tag))
      .filter((task) => !this.#hasGivenUp(agent, task, 10 * minuteMs))
      .sort((a, b) => {
        const last = (task: ModelTask) => Number(this.#hasGivenUp(agent, task, 24 * hourMs));
        const forAll = ({ chosen }: ModelTask) => Number(chosen === null);
        return last(a) - last(b) || forAll(a) - forAll(b) || a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
      });
  }

  #hasGivenUp(agent: number, { givenUp }: ModelTask, withinMs: number): boolean {
    return (givenUp.get(agent) ?? -Infinity) > this.now - withinMs;
  }

  /** An abandoned or lapsed claim counts towards the pause, unless a delivery of it was rejected or did not fit. */
  #countAbandon(task: ModelTask): void {
    if (task.deliveriesLeft !== null || task.unfitClaim === task.claim) return;
    const worker = this.#agent(task.worker);
    if (++worker.abandons < maxAbandons) return;
    worker.abandons = 0;
    worker.pausedUntil = wholeSecond(this.now + pauseMs);
  }

  claim(agent: number, task: ModelTask): number {
    if (this.isSuspended(agent)) return 403;
    if (this.isPaused(agent)) return 429;
    if (task.poster !== agent && task.status === 'posted' && this.isSuspended(task.poster)) return 404;
    if (task.poster === agent || task.status !== 'posted' || this.isDue(task)) return 409;
    if (task.barred.has(agent) || task.chosen?.has(agent) === false) return 409;
    task.status = 'claimed';
    task.worker = agent;
    task.claim++;
    task.lostBy = null;
    task.claimDeadline = wholeSecond(this.now) + (task.claimMinutes ?? 1440) * minuteMs;
    this.#renewLease(task);
    this.#tell(task.poster, 'task_claimed', task);
    return 200;
  }

  #renewLease(task: ModelTask): void {
    const { heartbeatMinutes: minutes, graceEnd } = task;
    task.leaseEnd = minutes === null || graceEnd !== null ? null : wholeSecond(this.now) + minutes * minuteMs;
  }

  heartbeat(agent: number, task: ModelTask, progress: number | null, claim: number | null): number {
    if (this.isSuspended(agent)) return 403;
    if (task.worker !== agent) return task.worker === null && task.lostBy === agent ? 409 : 403;
    if (task.status !== 'claimed' || this.isDue(task)) return 409;
    if (claim !== null && claim !== task.claim) return 409;
    this.#renewLease(task);
    task.progress = progress ?? task.progress;
    if (progress !== null && (task.toldAt === null || task.toldAt <= this.now - 10 * secondMs)) {
      task.toldAt = this.now;
      this.#tell(task.poster, 'task_progress', task);
    }
    return 200;
  }

  deliver(agent: number, task: ModelTask, { result, credits = null, claim = null }: ModelDelivery): number {
    if (this.isSuspended(agent)) return 403;
    if (task.worker !== agent) return task.worker === null && task.lostBy === agent ? 409 : 403;
    if (task.status !== 'claimed' || this.isDue(task)) return 409;
    if (claim !== null && claim !== task.claim) return 409;
    if (task.deliveriesLeft === 0) return 409;
    if (task.isChecked && !result.startsWith('result')) {
      task.unfitClaim = task.claim;
      return 400;
    }
    task.status = 'delivered';
    task.deliveredAt = this.now;
    task.result = result;
    task.charged = Math.min(credits ?? task.price, task.price);
    task.graceEnd = null;
    task.leaseEnd = null;
    task.reviewEnd = wholeSecond(this.now) + (task.reviewMinutes ?? 1440) * minuteMs;
    this.#tell(task.poster, 'task_delivered', task);
    if (task.approvesAtOnce) this.#settle(task, null);
    return 200;
  }

  /** Approves a delivery, or concedes its dispute. */
  approve(agent: number, task: ModelTask, rating: number | null): number {
    if (this.isSuspended(agent)) return 403;
    if (task.poster !== agent) return 403;
    if ((task.status !== 'delivered' && task.status !== 'disputed') || this.isDue(task)) return 409;
    task.approvedByPoster = true;
    if (task.status === 'delivered') {
      noteReview(this.#agent(task.poster), task, this.now);
      this.#settle(task, rating);
      return 200;
    }
    this.#closeDispute(task, 'worker');
    this.#bringBack(task);
    this.#pay(task, { rating, completes: true });
    this.#noteApproval(task);
    return 200;
  }

  #settle(task: ModelTask, rating: number | null): void {
    this.#pay(task, { rating, completes: true });
    this.#noteApproval(task);
    this.#tell(task.worker, 'task_approved', task);
  }

  #noteApproval(task: ModelTask): void {
    this.#agent(task.poster).record.approved++;
    this.#dealt(task.poster, task.worker!, true);
    this.#dealt(task.worker!, task.poster, true);
  }

  #pay(task: ModelTask, { rating, completes }: { rating: number | null; completes: boolean }): void {
    const fee = Math.floor((task.charged! * feePercent) / 100);
    const worker = this.#agent(task.worker);
    const poster = this.#agent(task.poster);
    const earned = task.charged! - fee;
    task.status = 'approved';
    worker.balance += earned;
    worker.completed += Number(completes);
    worker.earned += earned;
    worker.feesPaid += fee;
    poster.spent += task.charged!;
    if (rating !== null) worker.ratings.push(rating);
    for (const tag of task.tags) {
      const known = this.#tag(task.worker!, tag);
      known.completed += Number(completes);
      known.earned += earned;
      if (rating !== null) known.ratings.push(rating);
    }
    this.fees += fee;
    poster.balance += task.price - task.charged!;
  }

  dispute(agent: number, task: ModelTask): number {
    if (this.isSuspended(agent)) return 403;
    if (task.worker !== agent) return task.worker === null && task.lostBy === agent ? 409 : 403;
    if (task.status !== 'claimed' || task.graceEnd === null || this.isDue(task)) return 409;
    const open = this.tasks.filter(({ worker, status }) => worker === agent && status === 'disputed');
    if (open.length >= openDisputes) return 429;
    const deposit = Math.max(1, Math.floor(task.price / 10));
    return this.#agent(agent).balance < deposit ? 402 : 201;
  }

  /** A dispute that the server has accepted. */
  openDispute(task: ModelTask, { id, deposit }: Pick<ModelDispute, 'id' | 'deposit'>): void {
    const deadline = wholeSecond(this.now + disputeHours * hourMs);
    const halfAt = wholeSecond(this.now + (disputeHours / 2) * hourMs);
    const judges = task.price < judgedFrom ? 0 : judgeCount;
    this.#agent(task.worker).balance -= deposit;
    task.status = 'disputed';
    task.claimDeadline = null;
    task.graceEnd = null;
    task.dispute = { id, deposit, judges, halfAt, deadline, shares: [], endsAt: deadline };
    this.#tell(task.poster, 'task_disputed', task);
  }

  /** A judge's answer. One that comes when the dispute is decided has no effect. */
  answer(task: ModelTask, share: number): void {
    const { dispute } = task;
    if (dispute === null || this.isDue(task)) return;
    const { shares, judges, halfAt } = dispute;
    shares.push(share);
    if (shares.length === judges) dispute.endsAt = this.now;
    else if (2 * shares.length >= judges) dispute.endsAt = Math.max(this.now, halfAt);
  }

  /** The operator's ruling. */
  rule(task: ModelTask, share: number): number {
    if (task.status !== 'disputed' || this.isDue(task)) return 409;
    this.#decide(task, share, true);
    return 200;
  }

  #decide(task: ModelTask, share: number, isRuling: boolean): void {
    const credits = Math.floor((task.refused!.charged * share) / 100);
    this.#closeDispute(task, credits === 0 && isRuling ? 'fees' : 'worker');
    if (credits === 0) {
      this.#agent(task.worker).lost[0] += Number(isRuling);
      this.#loseForGood(task);
      return;
    }
    const completes = share >= 50;
    this.#bringBack(task);
    task.charged = credits;
    this.#pay(task, { rating: null, completes });
    this.#agent(task.worker).ruled += Number(completes);
    this.#agent(task.poster).record.ruled += Number(completes);
    this.#agent(task.poster).lost[1] += Number(completes && isRuling);
  }

  #closeDispute(task: ModelTask, depositTo: 'worker' | 'fees'): void {
    const { deposit } = task.dispute!;
    if (depositTo === 'fees') this.fees += deposit;
    else this.#agent(task.worker).balance += deposit;
    task.dispute = null;
    for (const party of [task.poster, task.worker]) this.#tell(party, 'dispute_resolved', task);
  }

  /** The rejected delivery is the one that is paid. */
  #bringBack(task: ModelTask): void {
    task.result = task.refused!.result;
    task.charged = task.refused!.charged;
  }

  #loseForGood(task: ModelTask): void {
    task.barred.add(task.worker!);
    this.#leave(task, task.worker!);
    this.#release(task, task.worker);
  }

  rate(agent: number, task: ModelTask, rating: number): number {
    if (this.isSuspended(agent)) return 403;
    if (task.status !== 'approved') return 409;
    if (task.poster === agent && !task.approvedByPoster) return this.#rateBack(task, rating);
    if (task.worker !== agent) return 403;
    if (task.rated) return 409;
    task.rated = true;
    this.#agent(task.poster).ratings.push(rating);
    for (const tag of task.tags) this.#tag(task.poster, tag).ratings.push(rating);
    this.#dealt(agent, task.poster, rating >= 3);
    return 201;
  }

  /** The poster rates after an approval that was not its own. It moves no trust. */
  #rateBack(task: ModelTask, rating: number): number {
    if (task.ratedBack) return 409;
    task.ratedBack = true;
    this.#agent(task.worker).ratings.push(rating);
    for (const tag of task.tags) this.#tag(task.worker!, tag).ratings.push(rating);
    return 201;
  }

  reject(agent: number, task: ModelTask, excludes: boolean): number {
    if (this.isSuspended(agent)) return 403;
    if (task.poster !== agent) return 403;
    if (task.status !== 'delivered' || this.isDue(task)) return 409;
    const left = excludes ? 0 : (task.deliveriesLeft ?? maxRejections) - 1;
    const minutes = Math.max(task.graceMinutes ?? graceMinutes, left === 0 ? lastGraceMinutes : 0);
    const graceEnd = wholeSecond(this.now + minutes * minuteMs);
    if (excludes) {
      task.barred.add(task.worker!);
      this.#leave(task, task.worker!);
    }
    task.rejections++;
    task.refused = { result: task.result!, charged: task.charged! };
    task.result = null;
    task.charged = null;
    task.reviewEnd = null;
    if (task.deadline !== null && task.deadline < graceEnd) task.deadline = null;
    this.#agent(task.worker).rejected++;
    this.#agent(task.poster).record.rejected++;
    noteReview(this.#agent(task.poster), task, this.now);
    this.#dealt(task.poster, task.worker!, false);
    this.#tell(task.worker, 'task_rejected', task);
    if (this.isSuspended(task.worker!)) {
      this.#release(task, null);
      return 200;
    }
    task.deliveriesLeft = left;
    task.status = 'claimed';
    task.graceEnd = graceEnd;
    if (task.claimDeadline !== null && task.claimDeadline < graceEnd) task.claimDeadline = null;
    return 200;
  }

  /** Gives up a claim, or withdraws its dispute. */
  abandon(agent: number, task: ModelTask, claim: number | null): number {
    if (this.isSuspended(agent)) return 403;
    if ((task.status !== 'claimed' && task.status !== 'disputed') || this.isDue(task)) return 409;
    if (task.worker !== agent) return 403;
    if (claim !== null && claim !== task.claim) return 409;
    if (task.status === 'disputed') {
      this.#closeDispute(task, task.dispute!.shares.length > 0 ? 'fees' : 'worker');
      this.#loseForGood(task);
      return 200;
    }
    this.#countAbandon(task);
    task.givenUp.set(agent, this.now);
    this.#release(task, null);
    return 200;
  }

  cancel(agent: number, task: ModelTask): number {
    if (this.isSuspended(agent)) return 403;
    if (task.poster !== agent) return 403;
    if (task.status !== 'posted' || this.isDue(task)) return 409;
    task.status = 'cancelled';
    this.#agent(agent).balance += task.price;
    this.#agent(agent).record.cancelled += Number(task.rejections > 0);
    this.#tellChosen('task_cancelled', task);
    return 200;
  }

  cancelByOperator(task: ModelTask): number {
    if (!['posted', 'claimed', 'delivered', 'disputed'].includes(task.status) || this.isDue(task)) return 409;
    const { status, worker, lostBy } = task;
    if (status === 'disputed') this.#closeDispute(task, 'worker');
    this.#release(task, worker ?? lostBy);
    task.status = 'cancelled';
    // A cancelled task shows no delivery.
    Object.assign(task, { result: null, charged: null, reviewEnd: null });
    this.#agent(task.poster).balance += task.price;
    this.#tell(task.poster, 'task_cancelled', task);
    if (worker !== null) this.#tell(worker, 'task_cancelled', task);
    if (status === 'posted') this.#tellChosen('task_cancelled', task);
    return 200;
  }

  decline(agent: number, task: ModelTask): number {
    if (this.isSuspended(agent) || task.chosen?.has(agent) !== true) return 403;
    const isOpen = ['posted', 'claimed', 'delivered', 'disputed'].includes(task.status);
    if (!isOpen || this.isDue(task) || task.worker === agent) return 409;
    task.barred.add(agent);
    this.#leave(task, agent);
    if (task.chosen.size === 0 && task.status === 'posted') this.#expire(task);
    return 200;
  }

  /** A task that none of the chosen agents is left for expires when it is on the board. */
  #leave(task: ModelTask, agent: number): void {
    if (task.chosen?.delete(agent) === true && task.chosen.size === 0) {
      task.expiresAt = Math.min(task.expiresAt, this.now);
    }
  }

  #expire(task: ModelTask): void {
    task.status = 'expired';
    this.#agent(task.poster).balance += task.price;
    this.#tell(task.poster, 'task_expired', task);
    this.#tellChosen('task_expired', task);
  }

  #release(task: ModelTask, lostBy: number | null): void {
    task.status = 'posted';
    task.worker = null;
    task.claimDeadline = null;
    task.graceEnd = null;
    task.deliveriesLeft = null;
    task.leaseEnd = null;
    task.progress = null;
    task.toldAt = null;
    task.lostBy = lostBy;
  }

  /** Carries out all due transitions of the clock. */
  runClock(): void {
    for (const task of this.tasks) {
      while (this.isDue(task)) this.#runClockOn(task);
    }
  }

  #runClockOn(task: ModelTask): void {
    const [[clock]] = clocksOf(task) as [[string, number]];
    if (task.status === 'delivered') {
      noteReview(this.#agent(task.poster), task, this.now);
      this.#settle(task, null);
    } else if (task.status === 'disputed') {
      const { shares, judges } = task.dispute!;
      const isRuling = judges > 0 && 2 * shares.length >= judges;
      this.#decide(task, isRuling ? medianOf(shares) : task.isChecked ? 50 : 0, isRuling);
    } else if (task.status === 'posted') {
      this.#expire(task);
    } else {
      const type = {
        deadline: 'deadline_expired',
        claim: 'claim_timeout_expired',
        grace: 'rejection_grace_expired',
        lease: 'heartbeat_missed',
      }[clock]!;
      this.#tell(task.worker, type, task);
      if (clock === 'lease') this.#tell(task.poster, type, task);
      // A lease of less than five minutes costs nobody's record.
      if (clock === 'claim' || (clock === 'lease' && task.heartbeatMinutes! >= 5)) this.#countAbandon(task);
      task.givenUp.set(task.worker!, this.now);
      this.#release(task, task.worker);
      if (clock === 'deadline') task.deadline = null;
    }
  }
}
