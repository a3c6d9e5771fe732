import { existsSync } from 'node:fs';
import BetterSqlite, { type Database as Connection, type Statement } from 'better-sqlite3';
import {
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteDialect,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely';
import { DomainError, overloaded, storageUnavailable } from '../../ground/errors.ts';
import {
  type Database,
  type JobLength,
  type OwnReader,
  type SchemaDialect,
  type SignalListener,
  type Signals,
  Tx,
} from '../database.ts';
import type { CompiledStatement, EngineClauses, Params, Prepared } from '../prepared.ts';
import type { Schema } from '../schema.ts';
import { connect, locate, lock } from './file.ts';
import { textIndexClauses, textIndexTables } from './texts.ts';
import { refuseIfMoved, unmarkMoved } from './moved.ts';
import { Threads } from './threads.ts';
import { UniqueViolation, withFreshIds } from '../unique.ts';

/** Verbs that may wait for the writer; beyond it callers are told to come back. */
const longestQueue = 5_000;
/** Verbs in one commit: enough to share an fsync among, few enough not to hold up the loop. */
const largestBatch = 128;

const clauses: EngineClauses = {
  skipLocked: (query) => query,
  hold: (query) => query,
  isListed: (column, json) => sql`${sql.ref(column)} in (select value from json_each(${json}))`,
  contains: (text, part) => sql<boolean>`instr(${text}, ${part}) > 0`,
  textIndex: textIndexClauses,
};
const ddl: SchemaDialect = {
  // Nobody else is there: the file is locked.
  holdBack: async () => undefined,
  integer: 'integer',
  real: 'real',
  id: 'text',
  clustered: 'strict, without rowid',
  heap: 'strict',
  textIndex: textIndexTables,
};

export interface SqliteOptions {
  /** The data file; made, with its folder, when it is not there. */
  readonly path: string;
  /** The database may grow to so many pages of 4 KiB; then it behaves as on a full disk. */
  readonly maxPages?: number;
  /** Takes a market that has moved away for one that goes on here, instead of refusing it. */
  readonly goesOnHere?: boolean;
}

/**
 * Opens the embedded database: one connection that writes, in group commits, and one that reads.
 *
 * @throws Error with a sentence for people when the file can't be used, or another process uses it.
 */
export function openSqlite(options: SqliteOptions): Database {
  const path = locate(options.path);
  const release = lock(path);
  try {
    const writer = connect(path);
    if (options.goesOnHere === true) unmarkMoved(writer);
    else refuseIfMoved(writer, path);
    if (options.maxPages !== undefined) writer.pragma(`max_page_count = ${options.maxPages}`);
    return new SqliteDatabase(path, writer, release);
  } catch (error) {
    release();
    throw error;
  }
}

/** Opens the file of a live server for reading alone. */
export function openSqliteReader(path: string): OwnReader {
  if (!existsSync(path)) throw new Error(`There is no data file ${path} (PINCHWORK_DATABASE_URL)`);
  const connection = new BetterSqlite(path, { readonly: true, fileMustExist: true });
  const statements = new Statements(connection);
  return {
    all: (query, params) => settled(() => statements.all(query, params)),
    first: (query, params) => settled(() => statements.first(query, params)),
    close: async () => void connection.close(),
  };
}

/**
 * Writes a parameter as `+?`, which means the same and lets SQLite keep the compiled statement. It compiles a statement
 * anew, on each run, where the plan could depend on what is bound: for any `limit ?`, and for most statements with an
 * order. Compiling took 4 µs for the smallest of them and up to 0.6 ms for the board's, more than running them.
 */
class QueryCompiler extends SqliteQueryCompiler {
  protected override getCurrentParameterPlaceholder(): string {
    return '+?';
  }
}

/** The prepared statements of one connection. */
class Statements {
  readonly #connection: Connection;
  readonly #builder: Kysely<Schema>;
  readonly #known = new Map<Prepared<never, never>, { statement: Statement; compiled: CompiledStatement }>();

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#builder = new Kysely<Schema>({
      dialect: {
        createAdapter: () => new SqliteAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (db) => new SqliteIntrospector(db),
        createQueryCompiler: () => new QueryCompiler(),
      },
    });
  }

  #get<P, R>(query: Prepared<P, R>) {
    const key = query as Prepared<never, never>;
    let known = this.#known.get(key);
    if (known === undefined) {
      const compiled = query.compile(this.#builder, clauses);
      known = { compiled, statement: this.#connection.prepare(compiled.sql) };
      this.#known.set(key, known);
    }
    return known;
  }

  all<P extends Params, R>(query: Prepared<P, R>, params: P): R[] {
    const { statement, compiled } = this.#get(query);
    return statement.all(compiled.bind(params)) as R[];
  }

  first<P extends Params, R>(query: Prepared<P, R>, params: P): R | undefined {
    const { statement, compiled } = this.#get(query);
    return statement.get(compiled.bind(params)) as R | undefined;
  }

  run<P extends Params, R>(query: Prepared<P, R>, params: P): number {
    const { statement, compiled } = this.#get(query);
    return statement.run(compiled.bind(params)).changes;
  }
}

/** The outcome of `work` as a promise that is settled already: a verb that awaits it stays within the batch. */
function settled<T>(work: () => T): Promise<T> {
  try {
    return Promise.resolve(work());
  } catch (error) {
    return Promise.reject(storageError(error));
  }
}

/** The message of such an error ends `failed: events.agent_id, events.number`. */
function toUniqueViolation(error: Error): UniqueViolation {
  const names = error.message.replace(/^.*: /, '').split(', ');
  const columns = names.map((name) => name.replace(/^.*\./, ''));
  return new UniqueViolation(names.map((name) => name.replace(/\..*$/, ''))[0] ?? '', columns, error);
}

/** Failures of the disk or the file, and rows that are there already; any other error stays as it is. */
function storageError(error: unknown): unknown {
  if (!(error instanceof BetterSqlite.SqliteError)) return error;
  const { code } = error;
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') return toUniqueViolation(error);
  return /^SQLITE_(FULL|IOERR|BUSY|LOCKED|CANTOPEN|READONLY|NOMEM|CORRUPT|NOTADB|PROTOCOL)/.test(code)
    ? storageUnavailable(error)
    : error;
}

class SqliteTx extends Tx {
  readonly #statements: Statements;
  #failure: { error: unknown } | undefined;
  #open = true;

  constructor(statements: Statements) {
    super();
    this.#statements = statements;
  }

  /**
   * Runs a statement, unless one before it has failed: a full disk ends the whole transaction, and what followed would
   * be a transaction of its own.
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
      // Kept in #failure; `check` throws it before the commit at the latest.
    }
  }

  /** Throws what the first statement that failed, failed with. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  end(): void {
    this.#open = false;
  }

  succeed(): ReadonlySet<string> {
    return this.committed();
  }
}

/** There is no other server on an embedded database. */
class SqliteSignals implements Signals {
  #listener: SignalListener | undefined;

  subscribe(listener: SignalListener): void {
    this.#listener = listener;
  }

  connect(): void {
    // Nobody to connect to.
  }

  send(ids: ReadonlySet<string>): void {
    if (ids.size > 0) this.#listener?.changed(ids);
  }
}

interface Job {
  readonly verb: string;
  readonly work: (tx: Tx) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

class SqliteDatabase implements Database {
  readonly location: string;
  readonly shared = false;
  readonly signals = new SqliteSignals();
  readonly #writer: Connection;
  readonly #reader: Connection;
  readonly #release: () => void;
  readonly #write: Statements;
  readonly #read: Statements;
  readonly #control: Record<'begin' | 'commit' | 'savepoint' | 'keep' | 'undo', Statement>;
  readonly #threads: Readonly<Record<JobLength, Threads>>;
  #queue: Job[] = [];
  #flushing: Promise<void> | undefined;
  #closed = false;
  #observe: ((transactions: number) => void) | undefined;

  constructor(path: string, writer: Connection, release: () => void) {
    this.location = path;
    this.#writer = writer;
    this.#release = release;
    this.#threads = {
      short: new Threads({ path, threads: 2, longestQueue: 64 }),
      long: new Threads({ path, threads: 2, longestQueue: 16 }),
    };
    this.#reader = new BetterSqlite(path, { readonly: true });
    this.#write = new Statements(writer);
    this.#read = new Statements(this.#reader);
    this.#control = {
      begin: writer.prepare('begin immediate'),
      commit: writer.prepare('commit'),
      savepoint: writer.prepare('savepoint verb'),
      keep: writer.prepare('release verb'),
      undo: writer.prepare('rollback to verb'),
    };
  }

  all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> {
    return settled(() => this.#read.all(query, params));
  }

  first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined> {
    return settled(() => this.#read.first(query, params));
  }

  transact<T>(verb: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(storageUnavailable(new Error('The database is closed')));
    if (this.#queue.length >= longestQueue) return Promise.reject(overloaded());
    return withFreshIds(
      () =>
        new Promise<T>((resolve, reject) => {
          this.#queue.push({ verb, work, resolve: resolve as Job['resolve'], reject });
          this.#flushing ??= this.#flush();
        }),
    );
  }

  /** Commits what waits, batch after batch. Each batch is what came in during one turn of the loop. */
  async #flush(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        await new Promise(setImmediate);
        await this.#commitBatch(this.#queue.splice(0, largestBatch));
      }
    } finally {
      this.#flushing = undefined;
    }
  }

  /**
   * Runs each verb in a savepoint of one transaction, commits, and only then answers them all. A verb that fails rolls
   * back alone. Some failures end the whole transaction (a full disk does): then everybody in the batch is told so.
   */
  async #commitBatch(jobs: Job[]): Promise<void> {
    const answers: (() => void)[] = [];
    let running: { job: Job; tx: SqliteTx } | undefined;
    let lost: unknown;

    // Verbs await settled promises only, so the whole batch runs before the loop turns. If it turns all the same, the
    // verb at work awaits something foreign, and would keep the transaction open for as long as it likes.
    let stall = Promise.withResolvers<never>();
    const watch = () => {
      running?.tx.end();
      stall.reject(new Error(`The verb "${running?.job.verb}" awaited something other than its Tx`));
      stall = Promise.withResolvers<never>();
      watchdog = setImmediate(watch);
    };
    let watchdog = setImmediate(watch);

    try {
      this.#control.begin.run();
      for (const job of jobs) {
        const tx = new SqliteTx(this.#write);
        running = { job, tx };
        this.#control.savepoint.run();
        try {
          const value = await Promise.race([job.work(tx), stall.promise]);
          tx.check();
          this.#control.keep.run();
          answers.push(() => {
            this.signals.send(tx.succeed());
            job.resolve(value);
          });
        } catch (error) {
          if (!this.#writer.inTransaction) throw error;
          this.#control.undo.run();
          this.#control.keep.run();
          answers.push(() => job.reject(error));
        } finally {
          tx.end();
        }
      }
      this.#control.commit.run();
    } catch (error) {
      lost = storageError(error);
      if (this.#writer.inTransaction) this.#rollback();
    } finally {
      clearImmediate(watchdog);
    }

    if (lost === undefined) this.#observe?.(jobs.length);
    if (lost === undefined) for (const answer of answers) answer();
    else for (const job of jobs) job.reject(lost instanceof DomainError ? lost : storageUnavailable(lost));
  }

  #rollback(): void {
    try {
      this.#writer.exec('rollback');
    } catch {
      // Nothing is open any more, which is what was wanted.
    }
  }

  get waiting(): number {
    return this.#queue.length;
  }

  observeCommits(observe: (transactions: number) => void): void {
    this.#observe = observe;
  }

  async runApart<Input, Output>(job: URL, input: Input, length: JobLength): Promise<Output> {
    return (await this.#threads[length].run(job.href, input)) as Output;
  }

  async migrate(work: (db: Kysely<Schema>, dialect: SchemaDialect) => Promise<void>): Promise<void> {
    // The lock beside the file keeps other processes away. The Kysely instance borrows the connection, so it is not
    // destroyed.
    await work(new Kysely<Schema>({ dialect: new SqliteDialect({ database: this.#writer }) }), ddl);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([this.#flushing, this.#threads.short.close(), this.#threads.long.close()]);
    this.#reader.close();
    this.#writer.close();
    this.#release();
  }
}
