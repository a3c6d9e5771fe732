import { randomKey } from '../client/build.ts';
import type { Calls } from '../client/calls.ts';
import type { PinchworkError } from '../client/error.ts';
import type { PinchworkEvent, Reset } from '../client/events.ts';
import type { CallOptions } from '../client/options.ts';
import { backoff, pause } from '../client/time.ts';
import type { TaskPickupResponse, TaskResponse } from '../replies/index.ts';
import { Claim, type Ending } from './claim.ts';
import { Notebook } from './memory.ts';
import type { RememberedPickup, WorkerOptions, WorkerSummary, WorkNews, WorkTask } from './options.ts';
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
  readonly #notebook: Notebook;
  readonly #counts = { delivered: 0, approved: 0, abandoned: 0, lost: 0, credits: 0 };
  #taken = 0;
  #freed: () => void = () => undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(client: WorkerClient, options: WorkerOptions, tell: TellRetry) {
    this.#client = client;
    this.#options = options;
    this.#tell = tell;
    this.#slots = new Slots(options.concurrency ?? 1);
    this.#notebook = new Notebook(options);
  }

  async run(): Promise<WorkerSummary> {
    const { signal, stopSignal, finishMs = 10_000 } = this.#options;
    if (signal?.aborted || stopSignal?.aborted) return this.#counts;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const close = () => {
      this.#close(signal?.reason);
      timer = setTimeout(() => this.#stopClaims(signal?.reason), finishMs);
    };
    const stop = () => {
      this.#close(stopSignal?.reason);
      this.#stopClaims(stopSignal?.reason);
    };
    signal?.addEventListener('abort', close, { once: true });
    stopSignal?.addEventListener('abort', stop, { once: true });
    const listening = new AbortController();
    try {
      const { newest } = await this.#persist(() => this.#client.events.history({ limit: 1 }));
      void this.#listen(newest, listening.signal);
      await this.#goOn();
      await this.#resume();
      await this.#pickUpAll();
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#failure ??= { error };
    } finally {
      if (this.#failure !== undefined) this.#stopClaims(this.#failure.error);
      await this.#idle();
      this.#close(signal?.reason);
      signal?.removeEventListener('abort', close);
      stopSignal?.removeEventListener('abort', stop);
      clearTimeout(timer);
      listening.abort();
      await this.#notebook.save().catch((error: unknown) => (this.#failure ??= { error }));
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
      const lost = this.#notebook.pickup;
      const task = lost === null ? await this.#next(once ? undefined : waitSeconds) : await this.#ask(lost);
      if (task !== null) {
        this.#taken++;
        // What a pickup of an earlier run gave may be gone since.
        if (lost === null) this.#begin('picked_up', { ...task, rejection: null }, 0);
        else await this.#lookAgain(task.task_id);
      } else if (lost !== null) continue;
      else if (once) return;
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
    const pickup = { key: randomKey(), tags, search, wait };
    await this.#notebook.ask(pickup);
    return this.#ask(pickup);
  }

  /** Sends a pickup, with the same key in all attempts: a task whose answer was lost comes with the next one. */
  async #ask({ key, ...input }: RememberedPickup): Promise<TaskPickupResponse | null> {
    const options = { idempotencyKey: key };
    const { signal } = this.#closing;
    const pickUp = (limits: CallOptions) => this.#client.tasks.pickupNext(input, { ...options, ...limits });
    try {
      const task = await this.#persist(() => pickUp({ signal }));
      this.#notebook.answered(task);
      return task;
    } catch (error) {
      if (!signal.aborted) throw error;
      // The server may have given a task out in this very moment.
      const task = await pickUp({ signal: AbortSignal.timeout(recoveryMs), maxRetries: 0 }).catch(() => undefined);
      if (task !== undefined) this.#notebook.answered(task);
      return task ?? null;
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
    this.#notebook.hold(task.task_id, { claim_number: task.claim_number, done });
    this.#keep();
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
    const { task_id: id, claim_number } = ending.task;
    if (ending.type === 'delivered') this.#notebook.await(id, { claim_number, done: done + 1 });
    // What was lost may have been delivered, with its answer lost: the next run looks.
    else if (ending.type === 'abandoned' && !ending.isHeld) this.#notebook.forget(id);
    this.#keep();
    this.#news(ending);
  }

  /** Keeps what was noted, in a moment. */
  #keep(): void {
    this.#notebook.save().catch((error: unknown) => this.#fail(error));
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
    if (losses.has(event.type)) {
      held?.claim.lose(new Error(`The claim ended: ${event.type}`));
      this.#notebook.forget(taskId);
      this.#keep();
    }
    if (reviews.has(event.type) && held !== undefined) {
      // The review may be heard of before the answer to the delivery; else it is one that this claim knows of.
      if (!held.claim.isDelivering) return;
      await held.ended;
    }
    if (event.type === 'reset') for (const id of this.#notebook.awaited) await this.#lookAgain(id);
    if (!this.#notebook.isAwaited(taskId)) return;
    if (event.type === 'task_approved') this.#approved(taskId, event.credits, event.rating);
    else if (event.type === 'task_rejected') {
      this.#news({ type: 'rejected', taskId, reason: event.reason });
      await this.#lookAgain(taskId);
    } else if (event.type === 'dispute_resolved') await this.#lookAgain(taskId);
  }

  #approved(taskId: string, credits: number, rating: number | null): void {
    this.#notebook.approve(taskId, credits);
    this.#keep();
    this.#counts.approved++;
    this.#counts.credits += credits;
    this.#news({ type: 'approved', taskId, credits, rating });
  }

  /** Goes on with a remembered task as it is now: does it again if its delivery was rejected, or gives it back. */
  async #lookAgain(id: string): Promise<void> {
    const known = this.#notebook.find(id);
    if (known === undefined || this.#claims.has(id)) return;
    const task = await this.#persist(() => this.#client.tasks.get(id)).catch((error: unknown) => {
      if (!isLoss(error)) throw error;
      return undefined;
    });
    if (task?.claim_number !== known.claim_number) this.#notebook.forget(id);
    else if (task.status === 'approved') this.#approved(id, task.credits_charged ?? 0, task.rating ?? null);
    else if (task.status === 'delivered' || task.status === 'disputed') this.#await(task, known.done);
    else if (task.status === 'claimed') await this.#goOnWith(task, known.done);
    else this.#notebook.forget(id);
    this.#keep();
  }

  async #goOnWith(task: TaskResponse, done: number): Promise<void> {
    const { retries = 2 } = this.#options;
    // Only a dispute can bring more.
    if (task.deliveries_left === 0) this.#await(task, done);
    else if (done <= retries && !this.#closing.signal.aborted) {
      this.#begin(done === 0 ? 'resumed' : 'redoing', workTaskOf(task), done);
    } else {
      const reason = new Error(`Rejected: ${task.rejection_reason ?? 'without a reason'}`);
      this.#ended(await new Claim(this.#client.tasks, workTaskOf(task), this.#tell).giveBack(reason), done);
    }
  }

  #await({ task_id, claim_number }: TaskResponse, done: number): void {
    // The crash of an earlier run may have come before its delivery was noted.
    const times = this.#notebook.isAwaited(task_id) ? done : done + 1;
    this.#notebook.await(task_id, { claim_number, done: times });
  }

  /** Goes on with what the memory of an earlier run has. */
  async #goOn(): Promise<void> {
    if (this.#options.memory === undefined) return;
    for (const id of this.#notebook.claimed) await this.#lookAgain(id);
    const delivered = await this.#persist(() => this.#client.tasks.mine({ role: 'worker', status: 'delivered' }).all());
    const waiting = new Set(delivered.map(({ task_id }) => task_id));
    for (const id of this.#notebook.awaited) if (!waiting.has(id)) await this.#lookAgain(id);
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
