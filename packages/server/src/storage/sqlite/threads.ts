import { Worker } from 'node:worker_threads';
import { overloaded, storageUnavailable } from '../../ground/errors.ts';
import type { JobOrder, JobOutcome } from './apart.ts';

interface Job extends JobOrder {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface ThreadsOptions {
  /** The data file. */
  readonly path: string;
  /** Threads at once, at most. */
  readonly threads: number;
  /** Jobs that may wait for a thread; beyond it callers are told to come back. */
  readonly longestQueue: number;
  /** How long a thread waits for its next job before it ends. */
  readonly idleMs?: number;
}

/** A thread takes tens of milliseconds to start, and some 15 MiB while it waits. */
const defaultIdleMs = 30_000;

/** The threads in which SQLite does what would stop the whole process: started when needed, ended when idle. */
export class Threads {
  readonly #options: ThreadsOptions;
  readonly #queue: Job[] = [];
  /** What each thread is at; undefined: nothing. */
  readonly #threads = new Map<Worker, Job | undefined>();
  readonly #alarms = new Map<Worker, NodeJS.Timeout>();
  #closed = false;

  constructor(options: ThreadsOptions) {
    this.#options = options;
  }

  /** How many threads there are. */
  get size(): number {
    return this.#threads.size;
  }

  /** @throws DomainError `overloaded` when too much waits already, `storage_unavailable` when the job fails. */
  run(job: string, input: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed) reject(ended(job));
      else if (this.#queue.length >= this.#options.longestQueue) reject(overloaded());
      else {
        this.#queue.push({ job, input, resolve, reject });
        this.#assign();
      }
    });
  }

  /** Ends the threads, whatever they are at. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { job, reject } of this.#queue.splice(0)) reject(ended(job));
    await Promise.all([...this.#threads.keys()].map((thread) => thread.terminate()));
  }

  /** Gives waiting jobs to whoever has nothing to do. */
  #assign(): void {
    while (this.#queue.length > 0) {
      const idle = [...this.#threads].find(([, job]) => job === undefined)?.[0];
      const thread = idle ?? (this.#threads.size < this.#options.threads ? this.#start() : undefined);
      if (thread === undefined) return;
      const job = this.#queue.shift()!;
      clearTimeout(this.#alarms.get(thread));
      this.#threads.set(thread, job);
      try {
        thread.postMessage({ job: job.job, input: job.input } satisfies JobOrder);
      } catch (error) {
        // What can't be cloned is the caller's mistake.
        this.#rest(thread);
        job.reject(error);
      }
    }
  }

  #start(): Worker {
    const thread = new Worker(new URL('./apart.ts', import.meta.url), { workerData: { path: this.#options.path } });
    this.#threads.set(thread, undefined);
    thread.on('message', (outcome: JobOutcome) => {
      const job = this.#threads.get(thread);
      this.#rest(thread);
      if ('output' in outcome) job?.resolve(outcome.output);
      else job?.reject(storageUnavailable(outcome.error));
      this.#assign();
    });
    let failure: unknown;
    thread.on('error', (error: unknown) => {
      failure = error;
    });
    thread.on('exit', () => {
      const job = this.#threads.get(thread);
      clearTimeout(this.#alarms.get(thread));
      this.#alarms.delete(thread);
      this.#threads.delete(thread);
      job?.reject(failure === undefined ? ended(job.job) : storageUnavailable(failure));
      if (!this.#closed) this.#assign();
    });
    return thread;
  }

  #rest(thread: Worker): void {
    this.#threads.set(thread, undefined);
    const alarm = setTimeout(() => {
      // From now on it gets no job: it is gone before the loop turns.
      this.#threads.delete(thread);
      void thread.terminate();
    }, this.#options.idleMs ?? defaultIdleMs);
    this.#alarms.set(thread, alarm.unref());
  }
}

const ended = (job: string) => storageUnavailable(new Error(`The job ${job} was ended`));
