import { randomKey } from '../client/build.ts';
import type { Calls } from '../client/calls.ts';
import type { PinchworkError } from '../client/error.ts';
import type { PinchworkEvent, Reset } from '../client/events.ts';
import { backoff, pause } from '../client/time.ts';
import type { TaskPickupResponse, TaskResponse } from '../replies/index.ts';
import { Claim, type Ending } from './claim.ts';
import type { WorkerOptions, WorkerSummary, WorkNews, WorkTask } from './options.ts';
import { isLoss, persist } from './persist.ts';
import { Slots } from './slots.ts';

/** What a worker needs of a client. */
export type WorkerClient = Pick<Calls, 'tasks' | 'events'>;
export type TellRetry = (error: PinchworkError, delayMs: number, attempt: number) => void;

/** Events after which a claim is not the worker's any more. */
const losses = new Set<string>([
  'claim_timeout_expired',
  'deadline_expired',
  'rejection_grace_expired',
  'heartbeat_missed',
  'task_cancelled',
]);
const reviews = new Set<string>(['task_approved', 'task_rejected']);
/** Deliveries whose review is awaited. Of more, the oldest are not done again after a rejection. */
const mostAwaited = 10_000;
/** How long a pickup that was broken off is looked for. */
const recoveryMs = 1_000;

/** Picks up tasks, does them, delivers, and does again what is rejected. */
export class Worker {
  readonly #client: WorkerClient;
  readonly #options: WorkerOptions;
  readonly #tell: TellRetry;
  /** Aborted when it picks up nothing more. */
  readonly #closing = new AbortController();
  readonly #claims = new Map<string, { readonly claim: Claim; readonly ended: Promise<void> }>();
  /** Handlers at work. A task that is done again waits for its turn with its claim in hand. */
  readonly #slots: Slots;
  /** How often the deliveries that wait for a review were done. */
  readonly #awaited = new Map<string, number>();
  readonly #counts = { delivered: 0, approved: 0, abandoned: 0, lost: 0, credits: 0 };
  #taken = 0;
  #freed: () => void = () => undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(client: WorkerClient, options: WorkerOptions, tell: TellRetry) {
    this.#client = client;
    this.#options = options;
    this.#tell = tell;
    this.#slots = new Slots(options.concurrency ?? 1);
  }

  async run(): Promise<WorkerSummary> {
    const { signal, finishMs = 10_000 } = this.#options;
    if (signal?.aborted) return this.#counts;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const close = () => {
      this.#close(signal?.reason);
      timer = setTimeout(() => this.#stopClaims(signal?.reason), finishMs);
    };
    signal?.addEventListener('abort', close, { once: true });
    const listening = new AbortController();
    try {
      const { newest } = await this.#persist(() => this.#client.events.history({ limit: 1 }));
      void this.#listen(newest, listening.signal);
      await this.#resume();
      await this.#pickUpAll();
    } catch (error) {
      if (!signal?.aborted) this.#failure ??= { error };
    } finally {
      if (this.#failure !== undefined) this.#stopClaims(this.#failure.error);
      await this.#idle();
      this.#close(signal?.reason);
      signal?.removeEventListener('abort', close);
      clearTimeout(timer);
      listening.abort();
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#counts;
  }

  #close(reason: unknown): void {
    this.#closing.abort(reason);
    this.#freed();
  }

  /** Calls until it works, or the worker closes. */
  #persist<T>(call: () => PromiseLike<T>): Promise<T> {
    return persist(async () => call(), this.#closing.signal, this.#tell);
  }

  #stopClaims(reason: unknown): void {
    for (const { claim } of this.#claims.values()) claim.stop(reason);
  }

  async #idle(): Promise<void> {
    while (this.#claims.size > 0) await Promise.all([...this.#claims.values()].map(({ ended }) => ended));
  }

  async #pickUpAll(): Promise<void> {
    const { concurrency = 1, max = Infinity, once = false, waitSeconds = 30, pollMs = 5_000, accepts } = this.#options;
    while (!this.#closing.signal.aborted && this.#taken < max) {
      if (this.#claims.size >= concurrency) {
        await new Promise<void>((resolve) => (this.#freed = resolve));
        continue;
      }
      const askedAt = Date.now();
      const task = await this.#next(once ? undefined : waitSeconds);
      if (task !== null) {
        this.#taken++;
        this.#begin('picked_up', { ...task, rejection: null }, 0);
      } else if (once) return;
      // A server that holds the pickup answers when the wait is over.
      else if (accepts !== undefined || Date.now() - askedAt < waitSeconds * 500) {
        await pause(backoff(1, pollMs, pollMs), this.#closing.signal);
      }
    }
  }

  /** The next task, if there is one within `wait` seconds. */
  async #next(wait: number | undefined): Promise<TaskPickupResponse | null> {
    const { tags, search, accepts } = this.#options;
    if (accepts !== undefined) return this.#choose(accepts);
    // The same key in all attempts: a task that was given out with an answer that was lost comes with the next one.
    const options = { idempotencyKey: randomKey() };
    const input = { tags, search, wait };
    const { signal } = this.#closing;
    try {
      return await this.#persist(() => this.#client.tasks.pickupNext(input, { ...options, signal }));
    } catch (error) {
      if (!signal.aborted) throw error;
      // The server may have given a task out in this very moment.
      const last = { ...options, signal: AbortSignal.timeout(recoveryMs), maxRetries: 0 };
      return this.#client.tasks.pickupNext(input, last).catch(() => null);
    }
  }

  async #choose(accepts: NonNullable<WorkerOptions['accepts']>): Promise<TaskPickupResponse | null> {
    const { tags, search } = this.#options;
    const look = async () => {
      for await (const task of this.#client.tasks.available({ tags, search })) {
        if (this.#closing.signal.aborted) return null;
        if (!accepts(task)) continue;
        try {
          return await this.#client.tasks.pickup(task.task_id);
        } catch (error) {
          // Another agent was faster.
          if (!isLoss(error)) throw error;
        }
      }
      return null;
    };
    return this.#persist(look);
  }

  #begin(type: 'picked_up' | 'resumed' | 'redoing', task: WorkTask, done: number): void {
    const claim = new Claim(this.#client.tasks, task, this.#tell);
    this.#news({ type, task });
    const { handler, retries = 2 } = this.#options;
    const inTurn: typeof handler = (given, context) =>
      this.#slots.run(() => {
        context.signal.throwIfAborted();
        return handler(given, context);
      });
    const ended = claim
      .work(inTurn, retries - done)
      .then((ending) => this.#ended(ending, done))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#claims.delete(task.task_id);
        this.#freed();
      });
    this.#claims.set(task.task_id, { claim, ended });
  }

  #ended(ending: Ending, done: number): void {
    this.#counts[ending.type]++;
    if (ending.type === 'delivered') {
      this.#awaited.set(ending.task.task_id, done + 1);
      for (const id of this.#awaited.keys()) {
        if (this.#awaited.size <= mostAwaited) break;
        this.#awaited.delete(id);
      }
    }
    this.#news(ending);
  }

  /** Ends the worker with an error that nothing mends. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#close(error);
  }

  #news(news: WorkNews): void {
    this.#options.onNews?.(news);
  }

  /** Follows rejections, approvals and lost claims until it is told to end. */
  async #listen(after: number, signal: AbortSignal): Promise<void> {
    const follow = async () => {
      for await (const event of this.#client.events({ after }, { signal })) await this.#hear(event);
    };
    try {
      // A stream that was opened goes on by itself, so only the first connection is tried again from `after`.
      await persist(follow, signal, this.#tell);
    } catch (error) {
      // A worker that ends has broken off what it was about to do about an event.
      if (!signal.aborted && !this.#closing.signal.aborted) this.#fail(error);
    }
  }

  async #hear(event: PinchworkEvent | Reset): Promise<void> {
    const taskId = event.task_id ?? '';
    const held = this.#claims.get(taskId);
    if (losses.has(event.type)) held?.claim.lose(new Error(`The claim ended: ${event.type}`));
    // The review may be heard of before the answer to the delivery.
    if (reviews.has(event.type)) await held?.ended;
    const done = this.#awaited.get(taskId);
    if (event.type === 'reset') for (const [id, times] of [...this.#awaited]) await this.#lookAgain(id, times);
    if (done === undefined) return;
    if (event.type === 'task_approved') {
      this.#awaited.delete(taskId);
      this.#counts.approved++;
      this.#counts.credits += event.credits;
      this.#news({ type: 'approved', taskId, credits: event.credits, rating: event.rating });
    } else if (event.type === 'task_rejected') {
      this.#news({ type: 'rejected', taskId, reason: event.reason });
      await this.#lookAgain(taskId, done);
    } else if (losses.has(event.type)) this.#awaited.delete(taskId);
  }

  /** Does a task again if its delivery was rejected, or gives it back. */
  async #lookAgain(id: string, done: number): Promise<void> {
    const task = await this.#persist(() => this.#client.tasks.get(id)).catch((error: unknown) => {
      if (!isLoss(error)) throw error;
      return undefined;
    });
    if (task?.status === 'delivered') return;
    this.#awaited.delete(id);
    if (task?.status !== 'claimed' || this.#claims.has(id)) return;
    const { retries = 2 } = this.#options;
    const mayDeliver = task.deliveries_left !== 0;
    if (mayDeliver && done <= retries && !this.#closing.signal.aborted) this.#begin('redoing', workTaskOf(task), done);
    else if (mayDeliver)
      await this.#client.tasks.abandon(id, { claim_number: task.claim_number }).catch(() => undefined);
  }

  /** Goes on with claims of an earlier run. */
  async #resume(): Promise<void> {
    const { resume } = this.#options;
    if (resume === undefined) return;
    const claimed = await this.#persist(() => this.#client.tasks.mine({ role: 'worker', status: 'claimed' }).all());
    for (const { task_id } of claimed.filter(resume)) {
      // A row of a list may have cut texts.
      const task = await this.#persist(() => this.#client.tasks.get(task_id));
      if (task.status === 'claimed') this.#begin('resumed', workTaskOf(task), task.rejection_count ?? 0);
    }
  }
}

function workTaskOf(task: TaskResponse): WorkTask {
  const { rejection_reason: reason, rejection_feedback: feedback = null } = task;
  return { ...task, rejection: reason == null ? null : { reason, feedback } };
}
