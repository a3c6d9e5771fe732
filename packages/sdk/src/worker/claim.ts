import { randomKey } from '../client/build.ts';
import type { Calls } from '../client/calls.ts';
import { PinchworkError } from '../client/error.ts';
import type { CallOptions } from '../client/options.ts';
import type { TaskResponse } from '../replies/index.ts';
import type { Rejection, WorkResult, WorkTask, WorkerOptions } from './options.ts';
import { isLoss, persist } from './persist.ts';

type Tasks = Calls['tasks'];
type Tell = Parameters<typeof persist>[2];

/** How a claim ended for this worker. */
export type Ending =
  | { readonly type: 'delivered'; readonly task: WorkTask; readonly delivery: TaskResponse }
  /** `isHeld`: the server was out of reach, so the claim goes on until its time limit. */
  | { readonly type: 'abandoned'; readonly task: WorkTask; readonly error?: unknown; readonly isHeld?: true }
  | { readonly type: 'lost'; readonly task: WorkTask; readonly error: unknown };

/** How long a handler that was told to stop may take, and how long a delivery or giving back is tried then. */
const lastMs = 5_000;
/** Heartbeats within the time after which the claim ends. */
const beatsPerLease = 3;

/** One claim: the handler at work, its heartbeats, its delivery. */
export class Claim {
  readonly task: WorkTask;
  readonly #tasks: Tasks;
  readonly #end = new AbortController();
  /** Aborted when nothing is to be told of this claim any more. */
  readonly #over = new AbortController();
  readonly #tell: Tell;
  #loss: unknown;
  #isDelivering = false;

  constructor(tasks: Tasks, task: WorkTask, tell: Tell) {
    this.#tasks = tasks;
    this.task = task;
    this.#tell = tell;
  }

  /** Whether a delivery was sent and its answer is not known yet. */
  get isDelivering(): boolean {
    return this.#isDelivering;
  }

  /** Stops the handler: the worker must end. */
  stop(reason: unknown): void {
    this.#end.abort(reason);
  }

  /** The claim is not this worker's any more. */
  lose(error: unknown): void {
    this.#loss ??= error;
    this.#end.abort(error);
  }

  /** Does the task and delivers the result, again if it does not fit the task's terms; or gives it back. */
  async work(handler: WorkerOptions['handler'], retries: number): Promise<Ending> {
    const beats = this.#beginHeartbeats();
    let { task } = this;
    try {
      for (let attempt = 0; ; attempt++) {
        const given = await this.#handle(handler, task);
        if (this.#loss !== undefined) return { type: 'lost', task, error: this.#loss };
        if (given === null) return await this.giveBack(this.#end.signal.aborted ? this.#end.signal.reason : undefined);
        try {
          return { type: 'delivered', task, delivery: await this.#deliver(given) };
        } catch (error) {
          // A handler's own calls may be refused in the same way, which says nothing about this claim.
          if (isLoss(error)) this.lose(error);
          if (!isUnfit(error) || attempt >= retries) throw error;
          task = { ...task, rejection: rejectionOf(error) };
        }
      }
    } catch (error) {
      if (this.#loss !== undefined) return { type: 'lost', task, error: this.#loss };
      return await this.giveBack(error);
    } finally {
      clearInterval(beats);
      this.#over.abort();
    }
  }

  /** @returns null if the handler has no result, or does not stop when it is told to */
  async #handle(handler: WorkerOptions['handler'], task: WorkTask) {
    const { signal } = this.#end;
    signal.throwIfAborted();
    const limit = afterAbort(signal, lastMs);
    const stopped = new Promise<null>((resolve) => limit.signal.addEventListener('abort', () => resolve(null)));
    const progress = (percent: number, note?: string) => this.#beat({ progress: percent, note });
    try {
      const given: WorkResult = await Promise.race([Promise.resolve(handler(task, { signal, progress })), stopped]);
      return typeof given === 'string' ? { result: given } : (given ?? null);
    } finally {
      limit.end();
    }
  }

  /** Delivers, however long the server is out of reach: the work is done. Once it must stop, for a last short time. */
  async #deliver(given: { readonly result: string; readonly credits_claimed?: number }): Promise<TaskResponse> {
    const { task_id, claim_number } = this.task;
    const limit = afterAbort(this.#end.signal, lastMs);
    const { signal } = limit;
    // The same key in all attempts: an answer may be lost after the delivery.
    const options = { idempotencyKey: randomKey(), signal };
    this.#isDelivering = true;
    try {
      return await persist(() => this.#tasks.deliver(task_id, { ...given, claim_number }, options), signal, this.#tell);
    } finally {
      this.#isDelivering = false;
      limit.end();
    }
  }

  /** Gives the task back. @param error why, if it could not be done */
  async giveBack(error: unknown): Promise<Ending> {
    const { task } = this;
    const ending: Ending = { type: 'abandoned', task, ...(error === undefined ? {} : { error }) };
    const { task_id, claim_number } = task;
    const signal = AbortSignal.timeout(lastMs);
    try {
      await persist(() => this.#tasks.abandon(task_id, { claim_number }, { signal }), signal, this.#tell);
      return ending;
    } catch (failure) {
      // Out of reach: the claim ends by its time limit.
      return isLoss(failure)
        ? { type: 'lost', task, error: failure }
        : { ...ending, error: error ?? failure, isHeld: true };
    }
  }

  #beginHeartbeats(): ReturnType<typeof setInterval> | undefined {
    const minutes = this.task.heartbeat_minutes;
    if (minutes == null) return undefined;
    const timeoutMs = (minutes * 60_000) / beatsPerLease;
    // The next heartbeat stands in for one that fails.
    return setInterval(() => void this.#beat({}, { timeoutMs, maxRetries: 0 }), timeoutMs);
  }

  /** Sends a heartbeat. A failure is no reason to stop the work, unless the claim is lost. */
  async #beat(report: { readonly progress?: number; readonly note?: string | undefined }, limits: CallOptions = {}) {
    const { task_id, claim_number } = this.task;
    try {
      await this.#tasks.heartbeat(task_id, { ...report, claim_number }, { ...limits, signal: this.#over.signal });
    } catch (error) {
      if (isLoss(error)) this.lose(error);
    }
  }
}

/** A time limit that begins when a signal is aborted, which may be already. Call `end` when it is not needed any more. */
function afterAbort(signal: AbortSignal, ms: number): { readonly signal: AbortSignal; readonly end: () => void } {
  const limit = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const begin = () => (timer = setTimeout(() => limit.abort(signal.reason), ms));
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin);
  const end = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', begin);
  };
  return { signal: limit.signal, end };
}

/** Whether a delivery was refused for what it is: too long, or not as the task's terms want it. */
const isUnfit = (error: unknown): error is PinchworkError =>
  error instanceof PinchworkError && (error.status === 400 || error.status === 413);

const rejectionOf = ({ message, hint, reply }: PinchworkError): Rejection => {
  const { problems } = (reply ?? {}) as { problems?: unknown };
  return { reason: message, feedback: problems === undefined ? (hint ?? null) : JSON.stringify(problems) };
};
