import { Worker } from 'node:worker_threads';
import type { CheckOrder, CheckOutcome } from './thread.ts';

/** A check that does not look at the clock itself, such as a long match, is ended from outside, this much later. */
const graceMs = 20;
/** However little CPU time a check got on a busy machine, it ends after this time. */
const longestMs = 2_000;
/** The library remembers some names of the schemas that it has seen, so the thread is replaced now and then. */
const mostChecks = 2_000;
/** A check that needs more memory ends with its thread. */
const memory = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16 };

/** A thread that makes one check at a time. It takes 0.3 s to start, and some 40 MiB. */
export class CheckThread {
  readonly #worker = new Worker(new URL('./thread.ts', import.meta.url), {
    resourceLimits: memory,
    // The library prints why some host names do not fit.
    stdout: true,
    stderr: true,
  });
  readonly #isReady: Promise<void>;
  #answer: ((outcome: CheckOutcome) => void) | undefined;
  #checks = 0;
  #hasEnded = false;

  constructor() {
    this.#worker.unref();
    this.#worker.stdout.resume();
    this.#worker.stderr.resume();
    this.#isReady = new Promise((resolve, reject) => {
      // The first message says that it can check.
      this.#worker.once('message', () => {
        this.#worker.on('message', (outcome: CheckOutcome) => this.#answer?.(outcome));
        resolve();
      });
      this.#worker.on('error', reject);
      this.#worker.on('exit', () => {
        this.#hasEnded = true;
        reject(new Error('The thread of the checks has ended'));
        // During a check: out of memory, or of time.
        this.#answer?.({ late: true });
      });
    });
    this.#isReady.catch(() => undefined);
  }

  /** Whether it takes no more checks. */
  get isOver(): boolean {
    return this.#hasEnded || this.#checks >= mostChecks;
  }

  /** @throws Error if the thread could not be started. */
  async run(order: CheckOrder): Promise<CheckOutcome> {
    await this.#isReady;
    if (this.#hasEnded) return { late: true };
    this.#checks++;
    const answer = new Promise<CheckOutcome>((resolve) => {
      this.#answer = resolve;
    });
    const stop = this.#watch(order.cpuMs + graceMs);
    this.#worker.postMessage(order);
    try {
      return await answer;
    } finally {
      stop();
      this.#answer = undefined;
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Ends the thread when it has used this much CPU time. @returns stops watching. */
  #watch(allowedMs: number): () => void {
    const startedAt = performance.now();
    const before = this.#cpuMs();
    let alarm: NodeJS.Timeout;
    let isStopped = false;
    const look = async () => {
      const left = allowedMs - ((await this.#cpuMs()) - (await before));
      if (isStopped) return;
      if (left <= 0 || performance.now() - startedAt > longestMs) void this.end();
      else alarm = setTimeout(() => void look(), Math.max(left, 5));
    };
    alarm = setTimeout(() => void look(), allowedMs);
    return () => {
      isStopped = true;
      clearTimeout(alarm);
    };
  }

  /** Milliseconds of CPU time that the thread has used. */
  async #cpuMs(): Promise<number> {
    // It may have ended meanwhile.
    const { user, system } = await this.#worker.cpuUsage().catch(() => ({ user: 0, system: 0 }));
    return (user + system) / 1000;
  }
}
