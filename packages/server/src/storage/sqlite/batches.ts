import type { Database as Connection, Statement } from 'better-sqlite3';
import { DomainError, overloaded, storageUnavailable } from '../../ground/errors.ts';
import type { Signal, Tx } from '../database.ts';
import type { Statements } from './statements.ts';
import { SqliteTx, storageError } from './tx.ts';

/** At most this many verbs wait for the writer. Further callers get `overloaded`. */
const longestQueue = 5_000;
/**
 * At most this many verbs share a commit: enough to share the cost of an fsync, few enough not to block the event loop
 * for long.
 */
const largestBatch = 128;
/**
 * After a batch that was run twice, this many batches run with savepoints. So even if verbs keep failing, only one
 * batch in 17 runs twice.
 */
const carefulBatches = 16;

interface Job {
  readonly verb: string;
  readonly work: (tx: Tx) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Resolves or rejects the promise of a verb's caller, once the batch is on disk. */
type Settle = () => void;

/** A verb failed after it had changed rows. Only a rollback of the whole batch can undo them. */
class Spoiled extends Error {}

/**
 * Group commit: the verbs of one turn of the event loop run one after the other in one transaction, and their callers
 * get the results after its commit. The changes of a failing verb are undone without affecting the others, in one of
 * two ways:
 *
 * - At first, verbs run without savepoints, because with one SQLite must keep the old version of each changed page.
 *   Most failing verbs have changed nothing: their guarded statement found no row. If one has changed something, the
 *   batch is rolled back and run again.
 * - The second run, and the next batches, use a savepoint for each verb.
 *
 * So a verb may run twice, as on PostgreSQL (docs/decisions/0018).
 */
export class Batches {
  readonly #writer: Connection;
  readonly #statements: Statements;
  readonly #signal: (ids: ReadonlySet<Signal>) => void;
  readonly #control: Record<'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'undo', Statement>;
  #queue: Job[] = [];
  #flushing: Promise<void> | undefined;
  #careful = 0;
  #observe: ((transactions: number) => void) | undefined;

  /**
   * @param statements the statements of `writer`.
   * @param signal called after the commit with the signals of a verb.
   */
  constructor(writer: Connection, statements: Statements, signal: (ids: ReadonlySet<Signal>) => void) {
    this.#writer = writer;
    this.#signal = signal;
    this.#statements = statements;
    this.#control = {
      begin: writer.prepare('begin immediate'),
      commit: writer.prepare('commit'),
      rollback: writer.prepare('rollback'),
      savepoint: writer.prepare('savepoint verb'),
      release: writer.prepare('release verb'),
      undo: writer.prepare('rollback to verb'),
    };
  }

  get waiting(): number {
    return this.#queue.length;
  }

  observe(observe: (transactions: number) => void): void {
    this.#observe = observe;
  }

  /**
   * Queues a verb. Resolves with its result after the commit.
   *
   * @throws DomainError `overloaded` when too many verbs wait, `storage_unavailable` when the commit fails.
   */
  add<T>(verb: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    if (this.#queue.length >= longestQueue) return Promise.reject(overloaded());
    return new Promise<T>((resolve, reject) => {
      // The queue holds verbs of all types; each resolves with what its own `work` returned.
      this.#queue.push({ verb, work, resolve: resolve as Job['resolve'], reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Resolves once no verb waits. */
  async settle(): Promise<void> {
    await this.#flushing;
  }

  /** Commits batches until no verb waits. A batch holds the verbs that arrived during one turn of the event loop. */
  async #flush(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        await new Promise(setImmediate);
        await this.#commit(this.#queue.splice(0, largestBatch));
      }
    } finally {
      this.#flushing = undefined;
    }
  }

  /**
   * Runs a batch and answers its callers. Some failures, such as a full disk, end the whole transaction; then all
   * callers of the batch get that error.
   */
  async #commit(jobs: readonly Job[]): Promise<void> {
    let settles: readonly Settle[];
    try {
      settles = await this.#attempts(jobs);
    } catch (error) {
      const lost = storageError(error);
      const told = lost instanceof DomainError ? lost : storageUnavailable(lost);
      for (const job of jobs) job.reject(told);
      return;
    }
    this.#observe?.(jobs.length);
    for (const settle of settles) settle();
  }

  async #attempts(jobs: readonly Job[]): Promise<readonly Settle[]> {
    if (this.#careful > 0) this.#careful--;
    else {
      try {
        return await this.#run(jobs, { savepoints: false });
      } catch (error) {
        if (!(error instanceof Spoiled)) throw error;
        const [first] = jobs;
        if (first !== undefined && jobs.length === 1) return [() => first.reject(error.cause)];
        this.#careful = carefulBatches;
      }
    }
    return this.#run(jobs, { savepoints: true });
  }

  /** Runs the verbs in one transaction and commits it. @throws `Spoiled`, or what ended the transaction. */
  async #run(jobs: readonly Job[], { savepoints }: { savepoints: boolean }): Promise<readonly Settle[]> {
    const settles: Settle[] = [];
    const watchdog = new Watchdog();
    try {
      this.#control.begin.run();
      for (const job of jobs) {
        settles.push(await (savepoints ? this.#runInSavepoint(job, watchdog) : this.#runPlainly(job, watchdog)));
      }
      this.#control.commit.run();
    } catch (error) {
      if (this.#writer.inTransaction) this.#rollBack();
      throw error;
    } finally {
      watchdog.stop();
    }
    return settles;
  }

  async #runInSavepoint(job: Job, watchdog: Watchdog): Promise<Settle> {
    this.#control.savepoint.run();
    try {
      const settle = await this.#runVerb(job, watchdog);
      this.#control.release.run();
      return settle;
    } catch (error) {
      if (!this.#writer.inTransaction) throw error;
      this.#control.undo.run();
      this.#control.release.run();
      return () => job.reject(error);
    }
  }

  async #runPlainly(job: Job, watchdog: Watchdog): Promise<Settle> {
    const before = this.#statements.changes;
    try {
      return await this.#runVerb(job, watchdog);
    } catch (error) {
      if (!this.#writer.inTransaction) throw error;
      if (this.#statements.changes !== before) throw new Spoiled('A verb failed', { cause: error });
      return () => job.reject(error);
    }
  }

  async #runVerb(job: Job, watchdog: Watchdog): Promise<Settle> {
    const tx = new SqliteTx(this.#statements);
    try {
      const value = await watchdog.watch(job.verb, tx, workToItsEnd(job, tx));
      tx.check();
      return () => {
        this.#signal(tx.succeed());
        job.resolve(value);
      };
    } finally {
      tx.end();
    }
  }

  #rollBack(): void {
    try {
      this.#control.rollback.run();
    } catch {
      // No transaction is open any more, which is the goal.
    }
  }
}

async function workToItsEnd({ work }: Job, tx: Tx): Promise<unknown> {
  const value = await work(tx);
  await tx.checkMusts();
  return value;
}

/**
 * Detects a verb that awaits something other than its `Tx`. Verbs await only settled promises, so a whole batch runs
 * before the event loop turns. If the loop turns during a batch, the running verb would keep the transaction open for
 * an unknown time, so it is made to fail.
 */
class Watchdog {
  #running: { verb: string; tx: SqliteTx; reject: (error: Error) => void } | undefined;
  #timer = setImmediate(() => this.#bark());

  watch<T>(verb: string, tx: SqliteTx, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#running = { verb, tx, reject };
      work.then(resolve, reject);
    });
  }

  #bark(): void {
    const running = this.#running;
    running?.tx.end();
    running?.reject(new Error(`The verb "${running.verb}" awaited something other than its Tx`));
    this.#timer = setImmediate(() => this.#bark());
  }

  stop(): void {
    clearImmediate(this.#timer);
  }
}
