import { Worker } from 'node:worker_threads';
import { overloaded, storageUnavailable } from '../../ground/errors.ts';
import { present } from '../../ground/present.ts';
import type { JobOrder, JobOutcome } from './apart.ts';

interface Job extends Omit<JobOrder, 'path' | 'readsLong'> {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface ThreadsOptions {
  /** The data file. */
  readonly path: string;
  /** Whether jobs read for long, so that they rest between statements. Default: they do not. */
  readonly readsLong?: boolean;
  /** The largest number of threads. */
  readonly threads: number;
  /** At most this many jobs wait for a thread. Further callers get `overloaded`. */
  readonly longestQueue: number;
  /** How long an idle thread is kept, in milliseconds. */
  readonly idleMs?: number;
  readonly source?: ThreadSource;
}

/** Starts threads for `Threads`, and ends idle ones. A test can keep them for the next database. */
export interface ThreadSource {
  start(): Worker;
  end(thread: Worker): Promise<unknown>;
}

/** Threads of one database. */
export const ownThreads: ThreadSource = {
  start: () => new Worker(new URL('./apart.ts', import.meta.url)),
  end: (thread) => thread.terminate(),
};

/** A thread takes 0.2 to 0.4 s of CPU time to start, and about 15 MiB of memory while idle. */
const defaultIdleMs = 30_000;

/**
 * Worker threads for SQLite reads that would block the main thread. They are started on demand and ended when idle, but
 * the last one is kept: nobody waits for a start after the first.
 */
export class Threads {
  readonly #options: ThreadsOptions;
  readonly #source: ThreadSource;
  readonly #queue: Job[] = [];
  /** The job of each thread. Undefined: the thread is idle. */
  readonly #threads = new Map<Worker, Job | undefined>();
  readonly #alarms = new Map<Worker, NodeJS.Timeout>();
  #closed = false;

  constructor(options: ThreadsOptions) {
    this.#options = options;
    this.#source = options.source ?? ownThreads;
  }

  /** The number of threads. */
  get size(): number {
    return this.#threads.size;
  }

  /**
   * Runs a job on the next free thread.
   *
   * @throws DomainError `overloaded` when too many jobs wait already, `storage_unavailable` when the job fails.
   */
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

  /** Ends all threads, also busy ones. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { job, reject } of this.#queue.splice(0)) reject(ended(job));
    for (const alarm of this.#alarms.values()) clearTimeout(alarm);
    const threads = [...this.#threads];
    await Promise.all(threads.map(([thread, job]) => (job ? thread.terminate() : this.#source.end(thread))));
  }

  /** Gives waiting jobs to idle threads, and starts threads as needed. */
  #assign(): void {
    while (this.#queue.length > 0) {
      const idle = [...this.#threads].find(([, job]) => job === undefined)?.[0];
      const thread = idle ?? (this.#threads.size < this.#options.threads ? this.#start() : undefined);
      if (thread === undefined) return;
      const job = present(this.#queue.shift(), 'A waiting job');
      clearTimeout(this.#alarms.get(thread));
      this.#threads.set(thread, job);
      try {
        const { path, readsLong = false } = this.#options;
        thread.postMessage({ path, readsLong, job: job.job, input: job.input } satisfies JobOrder);
      } catch (error) {
        // The input can't be cloned, which is the caller's mistake.
        this.#rest(thread);
        job.reject(error);
      }
    }
  }

  #start(): Worker {
    const thread = this.#source.start();
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
      if (this.#threads.size === 1) return;
      // Removed at once, so that it gets no job before it has ended.
      this.#threads.delete(thread);
      void this.#source.end(thread);
    }, this.#options.idleMs ?? defaultIdleMs);
    this.#alarms.set(thread, alarm.unref());
  }
}

const ended = (job: string) => storageUnavailable(new Error(`The job ${job} was ended`));
