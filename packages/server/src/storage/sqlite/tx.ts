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
   * Runs a statement, unless an earlier one has failed: a full disk ends the whole transaction, and a later statement
   * would then commit by itself.
   */
  #run<T>(statement: () => T): T {
    if (!this.#open) throw new Error('The transaction is over; the verb awaited something other than its Tx');
    this.check();
    try {
      return statement();
    } catch (error) {
      this.#failure = { error: storageError(error) };
      throw error;
    }
  }

  all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> {
    return settled(() => this.#run(() => this.#statements.all(query, params)));
  }

  first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined> {
    return settled(() => this.#run(() => this.#statements.first(query, params)));
  }

  run<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<number> {
    return settled(() => this.#run(() => this.#statements.run(query, params)));
  }

  send<P extends Params, R>(query: Prepared<P, R>, params: P): void {
    try {
      this.#run(() => this.#statements.run(query, params));
    } catch {
      // `#failure` keeps the error, and `check` throws it before the commit.
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
