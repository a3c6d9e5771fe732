import type { Database, Statement } from 'better-sqlite3';

interface Job {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One transaction for all requests of one turn of the event loop, each in its own savepoint. All replies are sent after
 * the commit. The work is synchronous, so no other work interleaves with it.
 */
export class GroupCommit {
  readonly #connection: Database;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #savepoint: Statement;
  readonly #release: Statement;
  readonly #undo: Statement;
  readonly #savepoints: boolean;
  #jobs: Job[] = [];

  /** @param savepoints whether to use savepoints. Work that throws only before its first change needs none. */
  constructor(connection: Database, { savepoints = true }: { savepoints?: boolean } = {}) {
    this.#connection = connection;
    this.#savepoints = savepoints;
    this.#begin = connection.prepare('begin immediate');
    this.#commit = connection.prepare('commit');
    this.#savepoint = connection.prepare('savepoint request');
    this.#release = connection.prepare('release request');
    this.#undo = connection.prepare('rollback to request');
  }

  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#jobs.length === 0) setImmediate(() => this.#flush());
      this.#jobs.push({ work, resolve: resolve as Job['resolve'], reject });
    });
  }

  #flush(): void {
    const jobs = this.#jobs;
    this.#jobs = [];
    const answers: (() => void)[] = [];
    try {
      this.#begin.run();
      for (const { work, resolve, reject } of jobs) {
        if (this.#savepoints) this.#savepoint.run();
        try {
          const value = work();
          answers.push(() => resolve(value));
        } catch (error) {
          if (this.#savepoints) this.#undo.run();
          answers.push(() => reject(error));
        }
        if (this.#savepoints) this.#release.run();
      }
      this.#commit.run();
    } catch (error) {
      if (this.#connection.inTransaction) this.#connection.exec('rollback');
      for (const { reject } of jobs) reject(error);
      return;
    }
    for (const answer of answers) answer();
  }
}
