import type { Kysely } from 'kysely';
import { storageUnavailable } from '../../src/ground/errors.ts';
import type { Database, JobLength, Signal, SignalListener, Signals, Tx } from '../../src/storage/database.ts';
import { openDatabase } from '../../src/storage/open.ts';
import type { PostgresOptions } from '../../src/storage/postgres/postgres.ts';
import type { Params, Prepared } from '../../src/storage/prepared.ts';
import type { Schema } from '../../src/storage/schema.ts';
import type { SchemaDialect } from '../../src/storage/step-sql.ts';
import { closeSide, ownSessions } from './side-sessions.ts';

/**
 * PostgreSQL databases that stay open from one market of a test file to the next. To open one costs three sessions and
 * the plans of all statements: 0.1 s of CPU time, more than most tests.
 */

/** How long a closing market's transactions may still run. After that the database is not used again. */
const longestMs = 1_000;

class Kept {
  readonly url: string;
  readonly database: Database;
  /** The market that uses it now. */
  user: KeptDatabase | undefined;

  private constructor(url: string, database: Database) {
    this.url = url;
    this.database = database;
    database.signals.subscribe({
      changed: (signals) => this.user?.signals.changed(signals),
      missed: () => this.user?.signals.missed(),
    });
    database.observeCommits((transactions) => this.user?.committed(transactions));
  }

  static async open(url: string): Promise<Kept> {
    const named = new URL(url);
    named.searchParams.set('application_name', ownSessions);
    const options: PostgresOptions = { onError: (error) => kept.user?.onError(error) };
    const kept: Kept = new Kept(url, await openDatabase(named.href, options));
    return kept;
  }

  async close(): Promise<void> {
    await this.database.close();
  }
}

/** The databases that no market uses now, by their addresses. */
const free = new Map<string, Kept>();

/** Opens a database. One that was open before for another market is empty, and has the schema. */
export async function openKept(url: string, { onError }: PostgresOptions): Promise<Database> {
  const known = free.get(url);
  free.delete(url);
  const kept = known ?? (await Kept.open(url));
  kept.user = new KeptDatabase(kept, { onError, isMigrated: known !== undefined });
  return kept.user;
}

/** Closes a kept database, which is not to be used again. */
export async function closeKept(url: string): Promise<void> {
  const kept = free.get(url);
  free.delete(url);
  await Promise.all([kept?.close(), closeSide(url)]);
}

/** Closes all. A test file does so when it ends. */
export async function closeAllKept(): Promise<void> {
  await Promise.all([...free.keys()].map(closeKept));
}

/** Passes the signals of a database on to one market. */
class KeptSignals implements Signals {
  readonly #inner: Signals;
  readonly #listeners: SignalListener[] = [];
  isConnected = false;

  constructor(inner: Signals) {
    this.#inner = inner;
  }

  subscribe(listener: SignalListener): void {
    this.#listeners.push(listener);
  }

  connect(): void {
    this.isConnected = true;
    this.#inner.connect();
  }

  changed(signals: ReadonlySet<Signal>): void {
    for (const listener of this.#listeners) listener.changed(signals);
  }

  missed(): void {
    for (const listener of this.#listeners) listener.missed?.();
  }
}

const closed = () => storageUnavailable(new Error('The database is closed'));

/** A kept database as one market sees it. */
class KeptDatabase implements Database {
  readonly shared = true;
  readonly location: string;
  readonly signals: KeptSignals;
  readonly onError: (error: Error) => void;
  readonly #kept: Kept;
  readonly #isMigrated: boolean;
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;
  committed: (transactions: number) => void = () => undefined;

  constructor(kept: Kept, { onError, isMigrated }: Pick<PostgresOptions, 'onError'> & { isMigrated: boolean }) {
    this.#kept = kept;
    this.#isMigrated = isMigrated;
    this.onError = onError;
    this.location = kept.database.location;
    this.signals = new KeptSignals(kept.database.signals);
  }

  /** Runs `work` on the database, unless the market is closed. */
  #run<T>(work: (database: Database) => Promise<T>): Promise<T> {
    const running = this.#closing === undefined ? work(this.#kept.database) : Promise.reject(closed());
    this.#running.add(running);
    const ended = () => this.#running.delete(running);
    running.then(ended, ended);
    return running;
  }

  get waiting(): number {
    return this.#kept.database.waiting;
  }

  all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> {
    return this.#run((database) => database.all(query, params));
  }

  first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined> {
    return this.#run((database) => database.first(query, params));
  }

  one<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R> {
    return this.#run((database) => database.one(query, params));
  }

  transact<T>(verb: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#run((database) => database.transact(verb, work));
  }

  runApart<Input, Output>(job: URL, input: Input, length: JobLength): Promise<Output> {
    return this.#run((database) => database.runApart(job, input, length));
  }

  scrub(): Promise<void> {
    return this.#run((database) => database.scrub());
  }

  countServers(): Promise<number> {
    return this.#run((database) => database.countServers());
  }

  observeCommits(observe: (transactions: number) => void): void {
    this.committed = observe;
  }

  async migrate(work: (db: Kysely<Schema>, ddl: SchemaDialect) => Promise<void>): Promise<void> {
    if (!this.#isMigrated) await this.#run((database) => database.migrate(work));
  }

  /** Keeps the database for the next market, unless something still uses it. */
  close(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  async #leave(): Promise<void> {
    const settled = Promise.allSettled(this.#running).then(() => true);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), longestMs)));
    const isFree = (await Promise.race([settled, late])) && !this.signals.isConnected;
    clearTimeout(timer);
    this.#kept.user = undefined;
    if (isFree) free.set(this.#kept.url, this.#kept);
    else await this.#kept.close();
  }
}
