import { agentSuspended, type DomainError } from '../../ground/errors.ts';
import { endedKey } from '../agents/authenticator.ts';
import type { OpenRequests } from '../limits/open-requests.ts';

/** The agent that waits. */
interface Waiter {
  readonly agentId: string;
  /** The key that it waits with; undefined: it needs none. */
  readonly keyId: string | undefined;
}

/** At most this many requests are woken in one turn of the event loop. Each takes some 0.2 ms. */
const mostWakes = 32;

/** Wakes the long polls of this server. Holds no state of tasks: a request that is woken reads the task again. */
export class TaskWatch {
  readonly #open: OpenRequests;
  readonly #wakes = new Wakes();
  readonly #byTask = new Map<string, Set<Subscription>>();
  readonly #byAgent = new Map<string, Set<Subscription>>();
  #count = 0;
  #closed = false;

  constructor(open: OpenRequests) {
    this.#open = open;
  }

  /** The number of waiting requests. */
  get count(): number {
    return this.#count;
  }

  /** The ids of the tasks that requests wait for. */
  get tasks(): Iterable<string> {
    return this.#byTask.keys();
  }

  /**
   * Takes a place for a request that will wait, before it changes anything. `end` of the subscription gives it back.
   * When this server has no place left, the subscription has ended: the request is answered at once.
   *
   * @throws DomainError `too_many_streams` when the agent has as many waits and streams as it may.
   */
  subscribe(waiter: Waiter): Subscription {
    const subscription = new Subscription(waiter, this.#wakes);
    const part = this.#open.take(waiter.agentId, () => subscription.end());
    if (part === undefined || this.#closed) {
      part?.release();
      subscription.end();
      return subscription;
    }
    subscription.onEnd = () => {
      part.release();
      remove(this.#byTask, subscription.taskId, subscription);
      remove(this.#byAgent, waiter.agentId, subscription);
      this.#count--;
    };
    add(this.#byAgent, waiter.agentId, subscription);
    this.#count++;
    return subscription;
  }

  /** From now on the subscription is woken by changes of a task. Call it before reading the task. */
  follow(subscription: Subscription, taskId: string): void {
    if (subscription.ended) return;
    subscription.taskId = taskId;
    add(this.#byTask, taskId, subscription);
  }

  /** Wakes the requests that wait for a task. Call it after the commit. */
  wake(taskId: string): void {
    for (const subscription of this.#byTask.get(taskId) ?? []) subscription.wake();
  }

  /** Wakes the requests that have read an older version of a task. */
  note(taskId: string, version: number): void {
    for (const subscription of this.#byTask.get(taskId) ?? []) if (subscription.seen < version) subscription.wake();
  }

  /** Ends the waits of an agent that has been suspended. */
  bar(agentId: string): void {
    for (const subscription of this.#byAgent.get(agentId) ?? []) subscription.bar(agentSuspended());
  }

  /** Ends the waits that were begun with a key that has ended. */
  barKey(agentId: string, keyId: string): void {
    for (const subscription of this.#byAgent.get(agentId) ?? []) {
      if (subscription.keyId === keyId) subscription.bar(endedKey());
    }
  }

  /** Wakes all requests, and lets no further one wait. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#byAgent.values()) for (const subscription of waiting) subscription.wake();
  }

  get closed(): boolean {
    return this.#closed;
  }
}

function add(map: Map<string, Set<Subscription>>, key: string, subscription: Subscription): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, new Set([subscription]));
  else known.add(subscription);
}

function remove(map: Map<string, Set<Subscription>>, key: string, subscription: Subscription): boolean {
  const known = map.get(key);
  if (known?.delete(subscription) !== true) return false;
  if (known.size === 0) map.delete(key);
  return true;
}

/**
 * Spreads wakes over turns of the event loop, so that thousands of waits that end at the same time do not hold up other
 * requests. Those of one turn are woken at once.
 */
class Wakes {
  readonly #queue: (() => void)[] = [];
  #left = mostWakes;
  #isCounting = false;

  wake(resolve: () => void): void {
    if (!this.#isCounting) this.#countTurn();
    if (this.#left === 0) {
      this.#queue.push(resolve);
      return;
    }
    this.#left--;
    resolve();
  }

  #countTurn(): void {
    this.#isCounting = true;
    setImmediate(() => {
      const next = this.#queue.splice(0, mostWakes);
      this.#left = mostWakes - next.length;
      this.#isCounting = false;
      if (next.length > 0) this.#countTurn();
      for (const resolve of next) resolve();
    });
  }
}

/** The wait of one request. `changed` may be called repeatedly; `end` must be called at last. */
export class Subscription {
  /** The version of the task that was read last. */
  seen = 0;
  /** The task whose changes wake it. */
  taskId = '';
  /** Called once, when it ends. */
  onEnd: () => void = () => undefined;
  readonly #wakes: Wakes;
  #woken = false;
  #isQueued = false;
  #ended = false;
  #refusal: DomainError | undefined;
  #resolve: (() => void) | undefined;
  /** The key that it was begun with. */
  readonly keyId: string | undefined;

  constructor({ keyId }: Waiter, wakes: Wakes) {
    this.keyId = keyId;
    this.#wakes = wakes;
  }

  wake(): void {
    this.#woken = true;
    if (this.#resolve === undefined || this.#isQueued) return;
    this.#isQueued = true;
    this.#wakes.wake(() => {
      this.#isQueued = false;
      this.#resolve?.();
    });
  }

  /** Wakes the request, which must be refused. */
  bar(refusal: DomainError): void {
    this.#refusal = refusal;
    this.wake();
  }

  /** Why the wait must not be answered any more; undefined: it may. */
  get refusal(): DomainError | undefined {
    return this.#refusal;
  }

  /**
   * Waits for a wake-up, or until `signal` is aborted because the caller has gone. A wake-up since the last call
   * counts.
   */
  async changed(signal: AbortSignal): Promise<void> {
    if (!this.#woken && !this.#ended && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          signal.removeEventListener('abort', done);
          this.#resolve = undefined;
          resolve();
        };
        signal.addEventListener('abort', done);
        this.#resolve = done;
      });
    }
    this.#woken = false;
  }

  get ended(): boolean {
    return this.#ended;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#resolve?.();
    this.onEnd();
  }
}
