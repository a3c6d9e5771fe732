import type { Kysely } from 'kysely';
import type { Params, Prepared } from './prepared.ts';
import type { Schema } from './schema.ts';
import type { SchemaDialect } from './step-sql.ts';

/** Runs queries that change nothing. */
export interface Reader {
  all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]>;
  /** The first row, or `undefined` when there is none. */
  first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined>;
  /** The first row, for a query that always finds one. @throws MissingRow when there is no row. */
  one<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R>;
}

/** A query that must find a row found none: a bug, or a damaged database. */
class MissingRow extends Error {
  override readonly name = 'MissingRow';

  constructor(query: string) {
    super(`The query "${query}" found no row where there must be one`);
  }
}

/** Implements `Reader.one` with the reader's `first`. */
export async function oneOf<P extends Params, R>(
  reader: Pick<Reader, 'first'>,
  query: Prepared<P, R>,
  params: P,
): Promise<R> {
  const row = await reader.first(query, params);
  if (row === undefined) throw new MissingRow(query.name);
  return row;
}

/**
 * An open transaction. It is a class with a private member, so that TypeScript accepts no `Reader` in its place: inside
 * a transaction, a query on the root handle would wait for ever on SQLite, and would run outside the transaction on
 * PostgreSQL.
 */
export abstract class Tx implements Reader {
  readonly #afterCommit: (() => void)[] = [];
  readonly #signalled = new Set<Signal>();
  readonly #musts: Must[] = [];

  abstract all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]>;
  abstract first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined>;

  one<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R> {
    return oneOf(this, query, params);
  }

  /** Runs a statement. @returns the number of rows it changed. */
  abstract run<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<number>;
  /**
   * Queues a statement whose result the verb does not need. It runs before the commit, in the order of the calls. If it
   * fails, the transaction fails. Saves a round trip on PostgreSQL.
   */
  abstract send<P extends Params, R>(query: Prepared<P, R>, params: P): void;

  /**
   * Queues a statement that must change a row. The verb does not wait for it; if it has changed none, the transaction
   * fails at its end.
   *
   * @param refusal the error that the transaction then fails with.
   */
  mustChange<P extends Params, R>(query: Prepared<P, R>, params: P, refusal: () => Error | Promise<Error>): void {
    const changed = this.run(query, params);
    // `checkMusts` awaits it. The empty handler stops Node from reporting an unhandled rejection before that.
    changed.catch(() => undefined);
    this.#musts.push({ changed, refusal });
  }

  /** Called before the commit. @throws the refusal of the first statement of `mustChange` that has changed no row. */
  async checkMusts(): Promise<void> {
    for (const { changed, refusal } of this.#musts) {
      if ((await changed) === 0) throw await refusal();
    }
  }

  /** Calls `wake` after the commit is on disk. Does not call it when the transaction fails. */
  afterCommit(wake: () => void): void {
    this.#afterCommit.push(wake);
  }

  /** Notifies the listeners of `Signals` after the commit. Does not notify them when the transaction fails. */
  signal(signal: Signal): void {
    this.#signalled.add(signal);
  }

  /** Runs the callbacks of `afterCommit`. @returns the signals of the transaction. */
  protected committed(): ReadonlySet<Signal> {
    for (const wake of this.#afterCommit) wake();
    return this.#signalled;
  }
}

/** A statement that must change a row: how many it has changed, and the error if it has changed none. */
interface Must {
  readonly changed: Promise<number>;
  readonly refusal: () => Error | Promise<Error>;
}

/**
 * The id of a row that has changed, which goes to the listeners of all servers; or a symbol that names the work of a
 * background job, which goes to the listeners of this server only.
 */
export type Signal = string | symbol;

/**
 * Hints: a task or an agent's stream has changed, or a background job has work to do. Hints are sent after the commit,
 * outside the transaction. Hints from other servers can be late or lost, so each listener also looks for changes at
 * intervals.
 */
export interface Signals {
  /** Calls `listener` for each commit of this server from now on. */
  subscribe(listener: SignalListener): void;
  /** Starts to exchange signals with the other servers, over a database session of its own. */
  connect(): void;
}

export interface SignalListener {
  changed(signals: ReadonlySet<Signal>): void;
  /** Signals of other servers may have been lost, so anything may have changed. */
  missed?(): void;
}

export interface Database extends Reader {
  /** Where the data is, for people to read. Contains no secrets. */
  readonly location: string;
  /** Whether other processes may write to the same database. */
  readonly shared: boolean;

  /**
   * Runs `work` as one transaction and resolves after its commit.
   *
   * `work` must await only calls of its `Tx`. The engine may run it again from the start, so it must not change
   * anything outside the transaction. An error that it throws rolls the transaction back and is thrown to the caller.
   *
   * @param verb the name of the work in errors and logs.
   * @throws DomainError `overloaded` when too many transactions wait already, `storage_unavailable` when the engine
   *   fails.
   */
  transact<T>(verb: string, work: (tx: Tx) => Promise<T>): Promise<T>;

  /**
   * Runs a job with long reads where it does not delay others. On SQLite it runs in a worker thread, because a read on
   * the main thread would block the whole process. On PostgreSQL it runs here, because the database server does the
   * work.
   *
   * @param job the URL of the module whose default export is the job.
   * @param input must be structured-cloneable, as must the output.
   * @param length `short`: takes a few tenths of a second at most. Short jobs never wait for long ones.
   * @throws DomainError `overloaded` when too many jobs wait already.
   */
  runApart<Input, Output>(job: URL, input: Input, length: JobLength): Promise<Output>;

  /**
   * Overwrites the older copies of what committed transactions have removed, as far as the engine can. On SQLite it
   * empties the write-ahead log. On PostgreSQL it does nothing: there the vacuum does it, later.
   */
  scrub(): Promise<void>;

  readonly signals: Signals;

  /** The number of servers at work on this database, with this one. */
  countServers(): Promise<number>;

  /** The number of transactions that wait for their turn. */
  readonly waiting: number;

  /** Calls `observe` after each commit with the number of transactions in it. There is at most one observer. */
  observeCommits(observe: (transactions: number) => void): void;

  /**
   * Runs schema changes while no other process migrates the same database. May run `work` again from the start, when
   * its transaction met a lock of a node at work.
   */
  migrate(work: (db: Kysely<Schema>, ddl: SchemaDialect) => Promise<void>): Promise<void>;

  close(): Promise<void>;
}

export type JobLength = 'short' | 'long';

/** The default export of a module that `runApart` runs. */
export type ApartJob<Input, Output> = (reader: Reader, input: Input) => Promise<Output>;

/** A separate connection that can only read. The caller closes it. */
export type OwnReader = Reader & { close(): Promise<void> };
