import { foldTag } from '@pinchwork/sdk/table';
import { secondMs } from '../../ground/clock.ts';
import { Loop } from '../../ground/loop.ts';
import type { Signal } from '../../storage/database.ts';
import type { Ground } from '../../storage/ground.ts';
import { DomainError } from '../../ground/errors.ts';
import { isHelper } from '../agents/helpers.ts';
import type { BoardFilter } from '../board/scan.ts';
import { Turns } from '../events/turns.ts';
import { arrivedTask, limitedAgent } from '../tasks/hints.ts';
import type { Subscription } from '../tasks/watch.ts';
import { Alarms } from './alarms.ts';
import { groupsWanting } from './filters.ts';
import { type Arrived, arrivedTasks, newestPosted, ranksOf, waitingAgent } from './queries.ts';
import { type Group, type Ranked, type Wait, Waiters, type WaitingAgent } from './waiters.ts';

/** How long a task is kept for the best matched of the agents that wait, while its matching is pending (contract section 6). */
export const matchingPatienceMs = 15 * secondMs;
/** The most tasks that are read at once, and that wait for a time or for an agent. Beyond that, looks find them. */
const mostRead = 500;
const mostKept = 10_000;
const mostUndecided = 200;
/** The most agents that are handed one task, one after the other. */
const mostTries = 50;
/**
 * Each wait looks at its agent's board itself after this time: for what no signal tells, such as a poster whose
 * suspension has ended. At most `mostLooks` look in a second, so that ten thousand waits cost no more than a few hundred.
 */
const lookAfterMs = 15 * secondMs;
const mostLooks = 50;
/** How many look at the same time, so that thousands that begin together do not take the database from others. */
const looksAtOnce = 16;
/** How soon a wait looks again that found the database busy. */
const busyMs = secondMs;
/** How far back the newest tasks are read for those whose signal was lost. No transaction lasts longer. */
const lateMs = 5 * secondMs;
const mostLate = 200;

/** A task that is being handed out. */
interface Offered {
  readonly task: Arrived;
  readonly groups: readonly Group[];
  /** The agents that were matched to it, or chosen for it, and may have it now, best first. */
  readonly matched: readonly Ranked[];
  /** Only the matched or chosen agents may have it, at least until the end of the head start. */
  readonly isHeld: boolean;
  /** The agents that have been handed it already. */
  readonly tried: Set<string>;
}

/**
 * Hands work to pickups that wait (contract section 6): each task that comes onto the board goes to one wait, which
 * claims it in a transaction of its own. The others are not woken, so the number of waits does not matter. If that agent
 * can't claim the task, the next one is handed it.
 *
 * Each server has a dispatcher. A commit signals the task to all of them, each hands it to the first of its own waits,
 * and the claim decides: at most one claim a server is in vain.
 */
export class Dispatcher {
  readonly #ctx: Ground;
  readonly #waiters = new Waiters();
  /** Tasks that have arrived and have not been read. */
  readonly #arrived = new Set<string>();
  /** Tasks that can be handed out later. */
  readonly #later: Alarms;
  /** Tasks whose only suitable agents have been handed another task. */
  readonly #undecided = new Map<string, Offered>();
  readonly #sweep: Loop;
  readonly #looks = new Turns(looksAtOnce);
  #isReading = false;
  #closed = false;

  constructor(ctx: Ground) {
    this.#ctx = ctx;
    this.#later = new Alarms(ctx.clock, mostKept, (taskId) => this.#arrive(taskId));
    this.#sweep = new Loop(
      ctx.clock,
      () => this.look().then(() => secondMs),
      (error) => ctx.log.error(error, 'looking for work for those that wait failed'),
    );
    ctx.db.signals.subscribe({ changed: (signals) => this.#hear(signals), missed: () => this.#sweep.wake() });
  }

  /** The number of pickups that wait. */
  get count(): number {
    return this.#waiters.count;
  }

  /** The number of those that have looked at their board and have nothing else to do. */
  get idle(): number {
    return this.#waiters.idle;
  }

  /** Starts to look after the waits once a second. */
  start(): void {
    this.#sweep.start();
  }

  async stop(): Promise<void> {
    this.#closed = true;
    this.#later.clear();
    await this.#sweep.stop();
  }

  /**
   * Adds a pickup that waits. It must look at its board once after that, then do what `next` of the wait says, and
   * `leave` at last.
   *
   * @param place its place among the waits of the agent; it is woken when there is something to do.
   */
  async enter(
    agentId: string,
    filter: BoardFilter,
    { place, repeatKey }: { place: Subscription; repeatKey: string | undefined },
  ): Promise<Wait> {
    const known = await this.#standingOf(agentId);
    const folded = { ...filter, tags: filter.tags.map(foldTag) };
    return this.#waiters.enter({ agentId, filter: folded, place, repeatKey, ...known }, this.#ctx.clock.now());
  }

  leave(wait: Wait): void {
    this.#waiters.leave(wait);
    if (this.#waiters.count === 0) this.#undecided.clear();
  }

  /**
   * Lets a wait look at its agent's board, when its turn has come. If the database is busy, the wait looks again a little
   * later: it waits anyway.
   *
   * @returns what the look returned; undefined if the database is busy.
   */
  async lookInTurn<T>(wait: Wait, look: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#looks.take(async () => {
        await this.#refresh(wait);
        return look();
      });
    } catch (error) {
      if (!(error instanceof DomainError && error.code === 'overloaded')) throw error;
      this.#ctx.clock.after(busyMs, () => wait.look());
      return undefined;
    }
  }

  /** Reads what has changed about the agent of a wait that looks at its board. */
  async #refresh(wait: Wait): Promise<void> {
    const { agent } = wait;
    if (wait.isNew) {
      wait.isNew = false;
      return;
    }
    this.#waiters.update(agent, await this.#standingOf(agent.id));
  }

  /** Notes whether an agent that waits holds as many claims as it may: then it gets system tasks alone. */
  noteLimit({ agent }: Wait, isFull: boolean): void {
    if (agent.isFull !== isFull) this.#waiters.update(agent, { isFull });
  }

  /** Notes a claim, by a wait or by any other request: the agent comes after all others. */
  noteClaim(agentId: string): void {
    const agent = this.#waiters.agent(agentId);
    if (agent !== undefined) this.#waiters.update(agent, { claimedAt: this.#ctx.clock.now() });
  }

  /** Wakes the agent's waits for the same request: they get the answer that it got. */
  repeat(wait: Wait): void {
    if (wait.repeatKey === undefined) return;
    for (const other of wait.agent.waits) if (other !== wait && other.repeatKey === wait.repeatKey) other.look();
  }

  /** Hands a task out at a time. */
  offerAt(taskId: string, at: number): void {
    if (!this.#closed) this.#later.set(taskId, at);
  }

  /** Lets the waits look at their boards that have not for long, and finds tasks whose signal was lost. */
  async look(): Promise<void> {
    if (this.#waiters.count === 0) return;
    const now = this.#ctx.clock.now();
    for (const wait of this.#waiters.stale(now - lookAfterMs, now, mostLooks)) wait.look();
    // With an embedded database, no signal is lost.
    if (!this.#ctx.db.shared) return;
    for (const { id } of await this.#ctx.db.all(newestPosted, { since: now - lateMs, limit: mostLate }))
      this.#arrive(id);
  }

  async #standingOf(agentId: string): Promise<{ claimedAt: number; isHelper: boolean }> {
    const agent = await this.#ctx.db.one(waitingAgent, { id: agentId });
    const { created_at, claimed_at, gave_up_at } = agent;
    const claimedAt = Math.max(created_at, claimed_at ?? 0, gave_up_at ?? 0);
    return { claimedAt, isHelper: isHelper(agent, this.#ctx.config) };
  }

  #hear(signals: ReadonlySet<Signal>): void {
    if (this.#waiters.count === 0) return;
    for (const signal of signals) {
      if (typeof signal === 'symbol') continue;
      const taskId = arrivedTask(signal);
      if (taskId !== undefined) this.#arrive(taskId);
      const agentId = limitedAgent(signal);
      if (agentId !== undefined) for (const wait of this.#waiters.agent(agentId)?.waits ?? []) wait.look();
    }
  }

  #arrive(taskId: string): void {
    if (this.#closed || this.#waiters.count === 0 || this.#arrived.size >= mostKept) return;
    this.#arrived.add(taskId);
    if (this.#isReading) return;
    this.#isReading = true;
    // In the next turn, so that all tasks of a turn are read at once.
    setImmediate(() => void this.#readArrived());
  }

  async #readArrived(): Promise<void> {
    try {
      while (this.#arrived.size > 0 && this.#waiters.count > 0) {
        const ids = [...this.#arrived].slice(0, mostRead);
        for (const id of ids) this.#arrived.delete(id);
        const now = this.#ctx.clock.now();
        const tasks = await this.#ctx.db.all(arrivedTasks, { tasks: JSON.stringify(ids), now });
        tasks.sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
        for (const task of tasks) await this.#offer(task, now);
      }
    } catch (error) {
      // The waits look at their boards themselves, a little later.
      this.#ctx.log.warn(error, 'reading tasks for those that wait failed');
    } finally {
      this.#isReading = false;
    }
    this.#arrived.clear();
  }

  /** Finds out who may have a task, and begins to hand it out; or notes when it can be handed out. */
  async #offer(task: Arrived, now: number): Promise<void> {
    const isPending = task.matching_id !== null && task.claim_number === 0;
    const patientUntil = task.created_at + matchingPatienceMs;
    if (isPending && now < patientUntil) {
      this.offerAt(task.id, patientUntil);
      return;
    }
    const isHeld = task.held_until !== null && task.held_until > now;
    if (isHeld) this.offerAt(task.id, task.held_until);
    const ranks = task.match_count === 0 ? [] : await this.#ctx.db.all(ranksOf, { task_id: task.id });
    const matched = ranks
      .filter(({ has_head_start }) => !isHeld || has_head_start === 1)
      .sort((a, b) => a.rank - b.rank);
    const groups = task.kind === 'work' ? await groupsWanting(this.#ctx.db, this.#waiters, task) : [];
    const offered = { task, groups, matched, isHeld: isHeld || task.is_for_chosen === 1, tried: new Set<string>() };
    void this.#handOut(offered);
  }

  /** Hands a task to one wait after the other, until one has claimed it or it is gone. */
  async #handOut(offered: Offered): Promise<void> {
    const { task, tried } = offered;
    while (tried.size < mostTries) {
      const wait = this.#best(offered);
      if (wait === undefined) {
        this.#keepUndecided(offered);
        return;
      }
      const { agent } = wait;
      tried.add(agent.id);
      this.#waiters.update(agent, { isBusy: true });
      const handed = await wait.hand(task.id);
      this.#waiters.update(agent, { isBusy: false });
      this.#retryUndecided(task.id);
      if (handed !== 'not for this agent') {
        this.#later.cancel(task.id);
        return;
      }
    }
  }

  #best(offered: Offered): Wait | undefined {
    const { task, groups, matched, isHeld, tried } = offered;
    const mayHave = ({ id }: WaitingAgent) => isStranger(task, id) && !tried.has(id);
    if (task.judge_id !== null) {
      const judge = this.#waiters.agent(task.judge_id);
      return judge === undefined || judge.isBusy || !mayHave(judge) ? undefined : judge.waits[0];
    }
    if (task.kind !== 'work') return this.#waiters.firstHelper(mayHave);
    const best = this.#waiters.firstRanked(matched, groups, mayHave);
    return best ?? (isHeld ? undefined : this.#waiters.firstOf(groups, mayHave));
  }

  /** Keeps a task while an agent is busy that could have it. */
  #keepUndecided(offered: Offered): void {
    const { task } = offered;
    if (this.#undecided.size < mostUndecided && this.#waiters.hasBusy) this.#undecided.set(task.id, offered);
  }

  /** An agent is free again: it may have one of the tasks that are kept. */
  #retryUndecided(except: string): void {
    const kept = [...this.#undecided.values()];
    this.#undecided.clear();
    for (const offered of kept) {
      if (offered.task.id === except) continue;
      if (this.#best(offered) === undefined) this.#keepUndecided(offered);
      else void this.#handOut(offered);
    }
  }
}

/** The agent is no party of the task, nor of what a system task is about. */
const isStranger = (task: Arrived, agentId: string) =>
  ![task.poster_id, task.about_id, task.about_poster, task.about_worker].includes(agentId);
