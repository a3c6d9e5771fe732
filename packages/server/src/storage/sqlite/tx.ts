import BetterSqlite from 'better-sqlite3';
import { storageUnavailable } from '../../ground/errors.ts';
import { type Signal, Tx } from '../database.ts';
import type { Params, Prepared } from '../prepared.ts';
import type { Statements } from './statements.ts';
import { UniqueViolation } from '../unique.ts';

/** Runs `work` and returns a settled promise, so that a verb that awaits it stays within the batch. */
export function settled<T>(work: () => T): Promise<T> {
  try {
    return Promise.resolve(work());
  } catch (error) {
    return Promise.reject(storageError(error));
  }
}

/** The message of a unique violation ends `failed: events.agent_id, events.number`. */
function toUniqueViolation(error: Error): UniqueViolation {
  const names = error.message.replace(/^.*: /, '').split(', ');
  const columns = names.map((name) => name.replace(/^.*\./, ''));
  return new UniqueViolation(names.map((name) => name.replace(/\..*$/, ''))[0] ?? '', columns, error);
}

/**
 * Maps an error of SQLite: a failure of the disk or the file becomes `storage_unavailable`, a duplicate row
 * `UniqueViolation`. Other errors stay as they are.
 */
export function storageError(error: unknown): unknown {
  if (!(error instanceof BetterSqlite.SqliteError)) return error;
  const { code } = error;
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') return toUniqueViolation(error);
  return /^SQLITE_(FULL|IOERR|BUSY|LOCKED|CANTOPEN|READONLY|NOMEM|CORRUPT|NOTADB|PROTOCOL)/.test(code)
    ? storageUnavailable(error, { reason: reasonOf(code) })
    : error;
}

const isOver = () => new Error('The transaction is over; the verb awaited something other than its Tx');

/** The part of a batch that belongs to one verb. */
export class SqliteTx extends Tx {
  readonly #statements: Statements;
  #failure: { error: unknown } | undefined;
  #open = true;

  constructor(statements: Statements) {
    super();
    this.#statements = statements;
  }

  /**
   * Why no statement may run any more. After a failed one none may: a full disk ends the whole transaction, and a later
   * statement would then commit by itself.
   */
  get #refusal(): { error: unknown } | undefined {
    return this.#open ? this.#failure : { error: isOver() };
  }

  #fail(error: unknown): unknown {
    this.#failure = { error: storageError(error) };
    return this.#failure.error;
  }

  // The next four have no function in common that takes the statement as a closure: a verb runs a dozen.

  all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> {
    const refusal = this.#refusal;
    if (refusal !== undefined) return Promise.reject(refusal.error);
    try {
      return Promise.resolve(this.#statements.all(query, params));
    } catch (error) {
      return Promise.reject(this.#fail(error));
    }
  }

  first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined> {
    const refusal = this.#refusal;
    if (refusal !== undefined) return Promise.reject(refusal.error);
    try {
      return Promise.resolve(this.#statements.first(query, params));
    } catch (error) {
      return Promise.reject(this.#fail(error));
    }
  }

  run<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<number> {
    const refusal = this.#refusal;
    if (refusal !== undefined) return Promise.reject(refusal.error);
    try {
      return Promise.resolve(this.#statements.run(query, params));
    } catch (error) {
      return Promise.reject(this.#fail(error));
    }
  }

  send<P extends Params, R>(query: Prepared<P, R>, params: P): void {
    if (this.#refusal !== undefined) return;
    try {
      this.#statements.run(query, params);
    } catch (error) {
      // `check` throws it before the commit.
      this.#fail(error);
    }
  }

  /** Throws the error of the statement that failed, if any did. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  end(): void {
    this.#open = false;
  }

  succeed(): ReadonlySet<Signal> {
    return this.committed();
  }
}

/** Why the data file does not accept writes. Shown by `/health/ready`. */
function reasonOf(code: string): string {
  if (/^SQLITE_(FULL|IOERR)/.test(code)) return 'The disk of the data file is full or fails.';
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return 'Another program has locked the data file.';
  return 'The data file does not accept writes.';
}
