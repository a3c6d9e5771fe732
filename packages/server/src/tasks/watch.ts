import type { Clock } from '../clock.ts';

/** Requests that may wait at once; the next one is answered at once with the state as it is. */
const mostWaiters = 20_000;

/** Wakes the long polls of this node. Holds no state of tasks: whoever is woken reads it anew. */
export class TaskWatch {
  readonly #clock: Clock;
  readonly #waiters = new Map<string, Set<() => void>>();
  #count = 0;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts to listen. Do so before reading the state, so that no change falls between. */
  subscribe(taskId: string): Subscription {
    const subscription = new Subscription(this.#clock, (wake) => this.#remove(taskId, wake));
    if (this.#closed || this.#count >= mostWaiters) {
      subscription.end();
      return subscription;
    }
    const waiters = this.#waiters.get(taskId) ?? new Set();
    waiters.add(subscription.wake);
    this.#waiters.set(taskId, waiters);
    this.#count++;
    return subscription;
  }

  #remove(taskId: string, wake: () => void): void {
    const waiters = this.#waiters.get(taskId);
    if (waiters?.delete(wake) !== true) return;
    this.#count--;
    if (waiters.size === 0) this.#waiters.delete(taskId);
  }

  /** Tells who waits that the task has changed. Call it after the commit. */
  wake(taskId: string): void {
    for (const wake of this.#waiters.get(taskId) ?? []) wake();
  }

  /** Answers everybody and lets nobody wait any more. */
  close(): void {
    this.#closed = true;
    for (const waiters of [...this.#waiters.values()]) for (const wake of [...waiters]) wake();
  }

  get closed(): boolean {
    return this.#closed;
  }
}

/** One request's wait. `changed` may be called again and again; `end` must be called. */
export class Subscription {
  readonly #clock: Clock;
  readonly #remove: (wake: () => void) => void;
  #woken = false;
  #ended = false;
  #resolve: (() => void) | undefined;

  constructor(clock: Clock, remove: (wake: () => void) => void) {
    this.#clock = clock;
    this.#remove = remove;
  }

  readonly wake = (): void => {
    this.#woken = true;
    this.#resolve?.();
  };

  /**
   * Waits for a wake-up, for at most `timeoutMs`, or until `signal` says that nobody listens any more. A wake-up since
   * the last call counts.
   */
  async changed(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#woken && !this.#ended && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          cancel();
          signal.removeEventListener('abort', done);
          this.#resolve = undefined;
          resolve();
        };
        const cancel = this.#clock.after(timeoutMs, done);
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
    this.#remove(this.wake);
  }
}
