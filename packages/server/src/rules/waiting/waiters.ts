import type { BoardFilter } from '../board/scan.ts';
import type { Subscription } from '../tasks/watch.ts';
import { isBefore, Sorted } from './sorted.ts';

/**
 * The pickups that wait on this server, in the order in which they get work: the agent whose last claim is oldest, then
 * the longest wait. An agent counts once, however many of its pickups wait. Holds no state that the database does not
 * have.
 */

/** What became of a task that was handed to a wait. */
export type Handed = 'taken' | 'not for this agent' | 'gone';

/** What a wait must do next. */
export type Order =
  /** Claim the next task of the agent's board, if there is one. */
  | { readonly kind: 'look' }
  /** Claim this task, and say what became of it. */
  | { readonly kind: 'claim'; readonly taskId: string; settle(handed: Handed): void };

/** An agent with pickups that wait here. */
export class WaitingAgent {
  readonly id: string;
  /** When it last claimed a task; before the first claim, when it registered. */
  claimedAt: number;
  /** Whether it gets system tasks. */
  isHelper: boolean;
  /** It holds as many claims as it may, and waits for system tasks alone. */
  isFull = false;
  /** In the order of their beginning. */
  readonly waits: Wait[] = [];
  /** It has been handed a task, and has not answered yet. */
  isBusy = false;
  /** Its places in the lists below; none while it is busy. */
  readonly places: { readonly list: Sorted<Place>; readonly place: Place }[] = [];

  constructor(id: string, claimedAt: number, isHelper: boolean) {
    this.id = id;
    this.claimedAt = claimedAt;
    this.isHelper = isHelper;
  }
}

/** An agent's place in a list. */
interface Place {
  readonly agent: WaitingAgent;
  /** The agent's longest wait in this list: the one that gets the task. */
  readonly wait: Wait;
  readonly first: number;
  readonly then: number;
}

const placeOf = (agent: WaitingAgent, wait: Wait): Place => ({
  agent,
  wait,
  first: agent.claimedAt,
  then: wait.number,
});

/** An agent that was matched to a task or chosen for it. The agents that a poster has chosen all have the same rank. */
export interface Ranked {
  readonly agent_id: string;
  readonly rank: number;
}

/** The agents that wait with the same filter. */
export class Group {
  readonly filter: BoardFilter;
  readonly key: string;
  readonly agents = new Sorted<Place>();
  /** How many waits have this filter. */
  waits = 0;

  constructor(filter: BoardFilter, key: string) {
    this.filter = filter;
    this.key = key;
  }

  /** The first tag that a task must have; empty if it needs none. */
  get firstTag(): string {
    return this.filter.tags[0] ?? '';
  }

  /** Whether a task has all the tags. */
  wants(tags: ReadonlySet<string>): boolean {
    return this.filter.tags.every((tag) => tags.has(tag));
  }
}

/** One pickup that waits. */
export class Wait {
  readonly agent: WaitingAgent;
  readonly group: Group;
  readonly place: Subscription;
  /** The number of the wait: smaller ones have waited longer. */
  readonly number: number;
  /** The idempotency key of the request, hashed; undefined if it has none. */
  readonly repeatKey: string | undefined;
  /** Whether it has not looked at the board yet: what is known of its agent has just been read. */
  isNew = true;
  /** Whether it has nothing to do. */
  isIdle = false;
  #mustLook = true;
  #claim: Extract<Order, { kind: 'claim' }> | undefined;

  constructor(
    agent: WaitingAgent,
    group: Group,
    { place, number, repeatKey }: Pick<Wait, 'place' | 'number' | 'repeatKey'>,
  ) {
    this.agent = agent;
    this.group = group;
    this.place = place;
    this.number = number;
    this.repeatKey = repeatKey;
  }

  /** What to do next; undefined: wait. A task comes before a look at the board, because others want it. */
  next(): Order | undefined {
    const claim = this.#claim;
    this.isIdle = claim === undefined && !this.#mustLook;
    if (claim !== undefined) {
      this.#claim = undefined;
      return claim;
    }
    if (!this.#mustLook) return undefined;
    this.#mustLook = false;
    return { kind: 'look' };
  }

  look(): void {
    this.#mustLook = true;
    this.place.wake();
  }

  /** Hands it a task. @returns what became of it. */
  hand(taskId: string): Promise<Handed> {
    return new Promise((resolve) => {
      this.#claim = { kind: 'claim', taskId, settle: resolve };
      this.place.wake();
    });
  }

  /** Gives a task back that it was handed and has not tried to claim. */
  refuse(): void {
    this.#claim?.settle('not for this agent');
    this.#claim = undefined;
  }
}

interface Entering {
  readonly agentId: string;
  readonly claimedAt: number;
  readonly isHelper: boolean;
  readonly filter: BoardFilter;
  readonly place: Subscription;
  readonly repeatKey?: string | undefined;
}

/** All waits of this server. */
export class Waiters {
  readonly #agents = new Map<string, WaitingAgent>();
  /** The groups by their first tag, then by their filter. */
  readonly #groups = new Map<string, Map<string, Group>>();
  /** The agents that get system tasks. */
  readonly #helpers = new Sorted<Place>();
  /** All waits; the one that looked at the board longest ago comes first. */
  readonly #byLook = new Map<Wait, number>();
  #numbers = 0;
  #busy = 0;

  get count(): number {
    return this.#byLook.size;
  }

  /** The number of waits that have nothing to do. */
  get idle(): number {
    return [...this.#byLook.keys()].filter(({ isIdle }) => isIdle).length;
  }

  agent(id: string): WaitingAgent | undefined {
    return this.#agents.get(id);
  }

  enter({ agentId, claimedAt, isHelper, filter, place, repeatKey }: Entering, now: number): Wait {
    const known = this.#agents.get(agentId);
    const agent = known ?? new WaitingAgent(agentId, claimedAt, isHelper);
    if (known === undefined) this.#agents.set(agentId, agent);
    const wait = new Wait(agent, this.#groupOf(filter), { place, number: this.#numbers++, repeatKey });
    wait.group.waits++;
    agent.waits.push(wait);
    this.#byLook.set(wait, now);
    // If it is still at its limit, its first look says so.
    this.update(agent, { claimedAt, isHelper, isFull: false });
    return wait;
  }

  leave(wait: Wait): void {
    if (!this.#byLook.delete(wait)) return;
    wait.refuse();
    const { agent, group } = wait;
    agent.waits.splice(agent.waits.indexOf(wait), 1);
    this.#order(agent);
    if (--group.waits === 0) {
      const groups = this.#groups.get(group.firstTag);
      groups?.delete(group.key);
      if (groups?.size === 0) this.#groups.delete(group.firstTag);
    }
    if (agent.waits.length === 0) this.#agents.delete(agent.id);
  }

  /** Whether an agent has been handed a task and has not answered yet. */
  get hasBusy(): boolean {
    return this.#busy > 0;
  }

  /** Changes what is known of an agent, and its place in the order. */
  update(
    agent: WaitingAgent,
    change: Partial<Pick<WaitingAgent, 'claimedAt' | 'isHelper' | 'isFull' | 'isBusy'>>,
  ): void {
    this.#busy += Number(change.isBusy ?? agent.isBusy) - Number(agent.isBusy);
    Object.assign(agent, change);
    this.#order(agent);
  }

  /** The waits that have not looked at the board since a time, at most `most`. They count as looking now. */
  stale(since: number, now: number, most: number): Wait[] {
    const found: Wait[] = [];
    for (const [wait, lookedAt] of this.#byLook) {
      if (lookedAt > since || found.length === most) break;
      found.push(wait);
    }
    for (const wait of found) {
      this.#byLook.delete(wait);
      this.#byLook.set(wait, now);
    }
    return found;
  }

  /** The groups that want a task with these tags, as far as tags go. */
  groupsFor(tags: ReadonlySet<string>): Group[] {
    return ['', ...tags].flatMap((tag) =>
      [...(this.#groups.get(tag)?.values() ?? [])].filter((group) => group.wants(tags)),
    );
  }

  /**
   * The wait that comes first among these groups.
   *
   * @param mayHave which agents may have the task.
   */
  firstOf(groups: readonly Group[], mayHave: (agent: WaitingAgent) => boolean): Wait | undefined {
    let best: Place | undefined;
    for (const { agents } of groups) {
      for (const place of agents) {
        if (best !== undefined && !isBefore(place, best)) break;
        if (place.agent.isFull || !mayHave(place.agent)) continue;
        best = place;
        break;
      }
    }
    return best?.wait;
  }

  /**
   * The wait of the best ranked agent among these groups; among agents of the same rank, the one that comes first.
   *
   * @param ranked in the order of their ranks.
   * @param mayHave which agents may have the task.
   */
  firstRanked(
    ranked: readonly Ranked[],
    groups: readonly Group[],
    mayHave: (agent: WaitingAgent) => boolean,
  ): Wait | undefined {
    let best: { readonly place: Place; readonly rank: number } | undefined;
    for (const { agent_id, rank } of ranked) {
      if (best !== undefined && rank > best.rank) break;
      const agent = this.#agents.get(agent_id);
      if (agent === undefined || agent.isBusy || agent.isFull || !mayHave(agent)) continue;
      const wait = agent.waits.find(({ group }) => groups.includes(group));
      if (wait === undefined) continue;
      const place = placeOf(agent, wait);
      if (best === undefined || isBefore(place, best.place)) best = { place, rank };
    }
    return best?.place.wait;
  }

  /** The infra agent's wait that comes first. */
  firstHelper(mayHave: (agent: WaitingAgent) => boolean): Wait | undefined {
    for (const place of this.#helpers) if (mayHave(place.agent)) return place.wait;
    return undefined;
  }

  #groupOf(filter: BoardFilter): Group {
    const key = JSON.stringify([[...filter.tags].sort(), filter.part ?? '']);
    const tag = filter.tags[0] ?? '';
    const groups = this.#groups.get(tag) ?? new Map<string, Group>();
    this.#groups.set(tag, groups);
    const group = groups.get(key) ?? new Group(filter, key);
    groups.set(key, group);
    return group;
  }

  /** Puts an agent into its lists, in its order; out of all of them while it is busy. */
  #order(agent: WaitingAgent): void {
    for (const { list, place } of agent.places.splice(0)) list.remove(place);
    if (agent.isBusy) return;
    const enter = (list: Sorted<Place>, wait: Wait) => {
      const place = placeOf(agent, wait);
      list.add(place);
      agent.places.push({ list, place });
    };
    const seen = new Set<Group>();
    for (const wait of agent.waits) {
      if (!seen.has(wait.group)) enter(wait.group.agents, wait);
      seen.add(wait.group);
    }
    const [longest] = agent.waits;
    if (agent.isHelper && longest !== undefined) enter(this.#helpers, longest);
  }
}
