import { agentSuspended, type DomainError } from '../../ground/errors.ts';
import { endedKey } from '../agents/credentials.ts';

/** The agent that waits. */
export interface Waiter {
  readonly agentId: string;
  /** The key that it waits with; undefined: it needs none. */
  readonly keyId: string | undefined;
}

/** Maximum number of waiting requests. Further ones are answered at once with the current state. */
const mostWaiters = 20_000;

/** Wakes the long polls of this server. Holds no state of tasks: a request that is woken reads the task again. */
export class TaskWatch {
  readonly #byTask = new Map<string, Set<Subscription>>();
  readonly #byAgent = new Map<string, Set<Subscription>>();
  #count = 0;
  #closed = false;

  /** The number of waiting requests. */
  get count(): number {
    return this.#count;
  }

  /** The ids of the tasks that requests wait for. */
  get tasks(): Iterable<string> {
    return this.#byTask.keys();
  }

  /** Subscribes an agent to changes of a task. Call it before reading the task, so that no change is missed. */
  subscribe(taskId: string, { agentId, keyId }: Waiter): Subscription {
    const subscription = new Subscription(keyId, () => {
      if (!remove(this.#byTask, taskId, subscription)) return;
      remove(this.#byAgent, agentId, subscription);
      this.#count--;
    });
    if (this.#closed || this.#count >= mostWaiters) {
      subscription.end();
      return subscription;
    }
    add(this.#byTask, taskId, subscription);
    add(this.#byAgent, agentId, subscription);
    this.#count++;
    return subscription;
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
    for (const waiting of this.#byTask.values()) for (const subscription of waiting) subscription.wake();
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

/** The wait of one request. `changed` may be called repeatedly; `end` must be called at last. */
export class Subscription {
  /** The version of the task that was read last. */
  seen = 0;
  readonly #remove: () => void;
  #woken = false;
  #ended = false;
  #refusal: DomainError | undefined;
  #resolve: (() => void) | undefined;
  /** The key that it was begun with. */
  readonly keyId: string | undefined;

  constructor(keyId: string | undefined, remove: () => void) {
    this.keyId = keyId;
    this.#remove = remove;
  }

  wake(): void {
    this.#woken = true;
    this.#resolve?.();
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
    this.#remove();
  }
}
