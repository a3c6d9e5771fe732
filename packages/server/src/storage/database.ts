import type { Kysely } from 'kysely';
import type { Params, Prepared } from './prepared.ts';
import type { Schema } from './schema.ts';
import type { SchemaDialect } from './step-sql.ts';

/** Runs queries that change nothing. */
export interface Reader {
  all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]>;
  /** The first row, where there may be none. */
  first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined>;
  /** @throws MissingRow where there must be a row and is none. */
  one<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R>;
}

/** A bug, or a damaged database: a query that must find a row found none. */
class MissingRow extends Error {
  override readonly name = 'MissingRow';

  constructor(query: string) {
    super(`The query "${query}" found no row where there must be one`);
  }
}

/** `one` of a `Reader`, by its `first`. */
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
 * An open transaction. A class of its own with a private member, so that nothing else passes for one: a query on the
 * root handle inside a transaction would hang for ever on SQLite and escape the transaction on PostgreSQL, and this
 * way it does not compile.
 */
export abstract class Tx implements Reader {
  readonly #afterCommit: (() => void)[] = [];
  readonly #signalled = new Set<Signal>();

  abstract all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]>;
  abstract first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined>;

  one<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R> {
    return oneOf(this, query, params);
  }

  /** Runs a statement and tells how many rows it changed. */
  abstract run<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<number>;
  /**
   * Sends a statement whose outcome the verb does not need: it is run before the commit, in the order of the calls,
   * and if it fails, so does the transaction. Spares a round trip on PostgreSQL.
   */
  abstract send<P extends Params, R>(query: Prepared<P, R>, params: P): void;

  /** Has `wake` called once the transaction is on disk; never if it is not. */
  afterCommit(wake: () => void): void {
    this.#afterCommit.push(wake);
  }

  /** Notifies the listeners of `Signals` after the commit; never if the transaction fails. */
  signal(signal: Signal): void {
    this.#signalled.add(signal);
  }

  /** @returns what was signalled. */
  protected committed(): ReadonlySet<Signal> {
    for (const wake of this.#afterCommit) wake();
    return this.#signalled;
  }
}

/**
 * The id of a row that has changed, for the listeners of all servers. Or a symbol that names the work of a background
 * job, for the listeners of this server alone.
 */
export type Signal = string | symbol;

/**
 * Hints that a task, or the stream of an agent, has changed, or that a background job has work to do. They are sent after
 * the commit and outside of it. Those of other servers may come late or get lost, so each listener also looks for changes
 * at intervals.
 */
export interface Signals {
  /** From now on, `listener` hears what this server commits. */
  subscribe(listener: SignalListener): void;
  /** From now on, the listeners hear what other servers commit too, and those hear this one; over a session of its own. */
  connect(): void;
}

export interface SignalListener {
  changed(signals: ReadonlySet<Signal>): void;
  /** Signals of other servers may have got lost: anything may have changed. */
  missed?(): void;
}

export interface Database extends Reader {
  /** Where the data is, without secrets: for people. */
  readonly location: string;
  /** Whether other processes may write to the same database. */
  readonly shared: boolean;

  /**
   * Runs `work` as one transaction and answers after its commit.
   *
   * `work` must await nothing but its `Tx`, and may be run again from the start when the engine asks for it, so it
   * must not change anything outside. What it throws rolls everything back and is thrown to the caller.
   *
   * @param verb names the work in errors and logs.
   * @throws DomainError `overloaded` when too much waits already, `storage_unavailable` when the engine fails.
   */
  transact<T>(verb: string, work: (tx: Tx) => Promise<T>): Promise<T>;

  /**
   * Runs a job that reads much where it holds up nobody: SQLite's reads would stop the whole process, so there it gets
   * a thread; PostgreSQL works elsewhere anyway.
   *
   * @param job the address of the module whose default export is the job.
   * @param input must be structured-cloneable, as must the output.
   * @param length `short`: some tenth of a second at most. Such a job never waits for a long one.
   * @throws DomainError `overloaded` when too much waits already.
   */
  runApart<Input, Output>(job: URL, input: Input, length: JobLength): Promise<Output>;

  readonly signals: Signals;

  /** How many transactions wait for their turn. */
  readonly waiting: number;

  /** Has `observe` hear of each commit, and of how many transactions were in it. One observer at most. */
  observeCommits(observe: (transactions: number) => void): void;

  /**
   * Runs the changes of `work` on a connection that no other process migrates on meanwhile. It may be run again from the
   * start, where its transaction met those of nodes at work.
   */
  migrate(work: (db: Kysely<Schema>, ddl: SchemaDialect) => Promise<void>): Promise<void>;

  close(): Promise<void>;
}

export type JobLength = 'short' | 'long';

/** A module's default export, as `runApart` takes it. */
export type ApartJob<Input, Output> = (reader: Reader, input: Input) => Promise<Output>;

/** A connection of its own, for reading alone. */
export type OwnReader = Reader & { close(): Promise<void> };
