import BetterSqlite, { type Database as Connection } from 'better-sqlite3';
import { Kysely, SqliteAdapter, SqliteDialect } from 'kysely';
import { storageUnavailable } from '../../ground/errors.ts';
import {
  type Database,
  type JobLength,
  oneOf,
  type Signal,
  type SignalListener,
  type Signals,
  type Tx,
} from '../database.ts';
import type { Params, Prepared } from '../prepared.ts';
import type { Schema } from '../schema.ts';
import { Batches } from './batches.ts';
import { connect, locate, lock } from './file.ts';
import { refuseIfMoved, unmarkMoved } from './moved.ts';
import { rebuildTable } from './rebuild.ts';
import { Presence } from './presence.ts';
import { Statements } from './statements.ts';
import { textIndexTables } from './texts.ts';
import { settled } from './tx.ts';
import { ownThreads, Threads, type ThreadSource } from './threads.ts';
import { withFreshIds } from '../unique.ts';
import type { SchemaDialect } from '../step-sql.ts';

const ddl: SchemaDialect = {
  // There are no other nodes, because the file is locked.
  holdBack: async () => undefined,
  rebuildTable,
  integer: 'integer',
  real: 'real',
  id: 'text',
  clustered: 'strict, without rowid',
  heap: 'strict',
  textIndex: textIndexTables,
};

/** Kysely's SQLite dialect with steps in a transaction: SQLite can roll back schema changes. */
class MigrationDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

interface SqliteOptions {
  /** The data file. It and its folder are created when they do not exist. */
  readonly path: string;
  /** The largest size of the database, in pages of 4 KiB. Beyond it, writes fail as on a full disk. For tests. */
  readonly maxPages?: number;
  /** Opens a data file that is marked as moved, and removes the mark, instead of refusing it. */
  readonly goesOnHere?: boolean;
  /** Where its threads come from. For tests. */
  readonly threads?: ThreadSource | undefined;
}

/**
 * Opens the embedded database: one connection that writes, in group commits, and reads between them, and one that only
 * reads.
 *
 * @throws Error with a message for people, when the file can't be used, or another process uses it.
 */
export function openSqlite(options: SqliteOptions): Database {
  const path = locate(options.path);
  const release = lock(path);
  try {
    const writer = connect(path);
    if (options.goesOnHere === true) unmarkMoved(writer);
    else refuseIfMoved(writer, path);
    if (options.maxPages !== undefined) writer.pragma(`max_page_count = ${options.maxPages}`);
    return new SqliteDatabase(path, writer, release, options.threads);
  } catch (error) {
    release();
    throw error;
  }
}

/** How often `scrub` tries. While another program reads the file, the log can't be emptied; a later checkpoint does it. */
const scrubs = 5;

/** Signals within one process, because an embedded database has one server. */
class SqliteSignals implements Signals {
  readonly #listeners: SignalListener[] = [];

  subscribe(listener: SignalListener): void {
    this.#listeners.push(listener);
  }

  connect(): void {
    // There are no other servers.
  }

  send(signals: ReadonlySet<Signal>): void {
    if (signals.size > 0) for (const listener of this.#listeners) listener.changed(signals);
  }
}

class SqliteDatabase implements Database {
  readonly location: string;
  readonly shared = false;
  readonly signals = new SqliteSignals();
  readonly #writer: Connection;
  readonly #reader: Connection;
  readonly #release: () => void;
  readonly #written: Statements;
  readonly #committed: Statements;
  readonly #batches: Batches;
  readonly #threads: Readonly<Record<JobLength, Threads>>;
  readonly #presence: Presence;
  #closed = false;

  constructor(path: string, writer: Connection, release: () => void, source = ownThreads) {
    this.location = path;
    this.#writer = writer;
    this.#release = release;
    this.#threads = {
      short: new Threads({ path, source, threads: 2, longestQueue: 64 }),
      long: new Threads({ path, source, readsLong: true, threads: 2, longestQueue: 16 }),
    };
    this.#reader = new BetterSqlite(path, { readonly: true });
    this.#presence = new Presence(path);
    this.#written = new Statements(writer);
    this.#committed = new Statements(this.#reader);
    this.#batches = new Batches(writer, this.#written, (ids) => this.signals.send(ids));
  }

  /**
   * The statements for a read. The writing connection has its pages in memory, and the other one reads them anew after
   * each commit: a key with its agent takes 5 µs or 9 µs. During a batch only the other one sees no uncommitted changes.
   */
  get #statements(): Statements {
    return this.#writer.inTransaction ? this.#committed : this.#written;
  }

  all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> {
    return settled(() => this.#statements.all(query, params));
  }

  first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined> {
    return settled(() => this.#statements.first(query, params));
  }

  one<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R> {
    return oneOf(this, query, params);
  }

  transact<T>(verb: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(storageUnavailable(new Error('The database is closed')));
    const { problem } = this.#presence;
    if (problem !== undefined) return Promise.reject(storageUnavailable(new Error(problem), { reason: problem }));
    return withFreshIds(() => this.#batches.add(verb, work));
  }

  get waiting(): number {
    return this.#batches.waiting;
  }

  async countServers(): Promise<number> {
    // The data file is locked for this process.
    return 1;
  }

  observeCommits(observe: (transactions: number) => void): void {
    this.#batches.observe(observe);
  }

  async runApart<Input, Output>(job: URL, input: Input, length: JobLength): Promise<Output> {
    // The callers name the types of the job whose file they give.
    return (await this.#threads[length].run(job.href, input)) as Output;
  }

  async migrate(work: (db: Kysely<Schema>, dialect: SchemaDialect) => Promise<void>): Promise<void> {
    // The lock file keeps other processes out. The Kysely instance borrows the connection, so it is not destroyed.
    // Foreign keys are off, because a step may rebuild a table that others refer to; `rebuildTable` checks them itself.
    this.#writer.pragma('foreign_keys = OFF');
    try {
      await work(new Kysely<Schema>({ dialect: new MigrationDialect({ database: this.#writer }) }), ddl);
    } finally {
      this.#writer.pragma('foreign_keys = ON');
    }
  }

  async scrub(): Promise<void> {
    for (let i = 0; i < scrubs; i++) {
      await this.#batches.settle();
      if (this.#closed) return;
      if (this.#writer.inTransaction) continue;
      // The row of this pragma, as SQLite documents it.
      const [outcome] = this.#writer.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
      if (outcome?.busy === 0) return;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#presence.close();
    await Promise.all([this.#batches.settle(), this.#threads.short.close(), this.#threads.long.close()]);
    this.#reader.close();
    this.#writer.close();
    this.#release();
  }
}
