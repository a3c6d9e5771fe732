import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresDialect,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from 'kysely';
import pg from 'pg';
import type { Clock } from '../../ground/clock.ts';
import { DomainError, overloaded, storageUnavailable } from '../../ground/errors.ts';
import { type ApartJob, type Database, type SchemaDialect, type Signal, Tx } from '../database.ts';
import { PostgresSignals } from './signals.ts';
import type { CompiledStatement, EngineClauses, Params, Prepared, SqlValue } from '../prepared.ts';
import { textIndexClauses, textIndexTables } from './texts.ts';
import type { Schema } from '../schema.ts';
import { UniqueViolation, withFreshIds } from '../unique.ts';

const oldestServer = 14;
const connections = 16;
/** Callers that may wait for a connection; beyond it they are told to come back. */
const longestQueue = 5_000;
/** How long to wait for a connection, be it a new one or another caller's. */
const connectTimeoutMs = 5_000;
const statementTimeoutMs = 30_000;
/** How long to let queries end when the database is closed. */
const closeMs = 1_000;
/** How often a transaction that lost a conflict is tried again before it is given up as overload. */
const attempts = 10;
/** A node whose clock is further off the database's than this does not start: deadlines would not hold. */
const clockToleranceMs = 1_000;
/**
 * How long a schema step waits for a table that others are using, before it lets go of all that it holds and begins
 * anew: shorter than the server's `deadlock_timeout`, so that it is never a node at work that has to give way, and short
 * enough for those who queue behind it.
 */
const tableWaitMs = 250;
/** For how long a step tries that; then who stands in the way stays there. */
const tableWaitsMs = 60_000;
/** The advisory lock of the nodes that migrate; any fixed number. */
const migrationLock = 7_462_466_951;

export const clauses: EngineClauses = {
  skipLocked: (query, table) => query.forUpdate(table).skipLocked(),
  hold: (query) => query.forNoKeyUpdate(),
  // As an array: what is joined with a list of unknown length is read whole.
  isListed: (column, json) => sql`${sql.ref(column)} = any (array(select json_array_elements_text(${json}::json)))`,
  contains: (text, part) => sql<boolean>`strpos(${text}, ${part}) > 0`,
  textIndex: textIndexClauses,
};
const ddl: SchemaDialect = {
  holdBack: async (db, tables) => {
    const names = sql.join(tables.map((name) => sql.table(name)));
    await sql`lock table ${names} in access exclusive mode`.execute(db);
  },
  integer: 'bigint',
  real: 'double precision',
  id: 'text collate "C"',
  clustered: '',
  heap: '',
  textIndex: textIndexTables,
};

/** `count` and `sum` come as bigint and numeric; every number here fits a double exactly. */
const numbers: readonly number[] = [pg.types.builtins.INT8, pg.types.builtins.NUMERIC];
const types = new pg.TypeOverrides();
for (const type of numbers) types.setTypeParser(type, Number);

export interface PostgresOptions {
  /** The program's clock, which must agree with the database server's. */
  readonly clock?: Clock;
  /** Hears of connections that broke. They are replaced on the next use. */
  readonly onError: (error: Error) => void;
  /** Where the address stands, for sentences about it. */
  readonly named?: string;
}

/**
 * Connects to PostgreSQL.
 *
 * @param url `postgres://…`; its query parameters are those of the `pg` package.
 * @throws Error with a sentence for people when the server can't be reached, is too old, or keeps another time.
 */
export async function openPostgres(
  url: string,
  { clock, onError, named = 'PINCHWORK_DATABASE_URL' }: PostgresOptions,
): Promise<Database> {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 5_000,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    application_name: 'pinchwork',
    keepAlive: true,
    pipeline: true,
    types,
  });
  // Without listeners a connection that breaks, idle (the pool tells) or at work (it tells itself), ends the process.
  pool.on('error', onError);
  const clients = new Set<pg.PoolClient>();
  pool.on('connect', (client) => {
    client.on('error', onError);
    clients.add(client);
  });
  pool.on('remove', (client) => clients.delete(client));
  const location = redact(url);
  try {
    await check(pool, clock);
  } catch (error) {
    await pool.end();
    const reason = error instanceof Error ? error.message || String((error as { code?: string }).code) : String(error);
    throw new Error(`Can't use PostgreSQL at ${location} (${named}): ${reason}`, { cause: error });
  }
  return new PostgresDatabase(pool, clients, { url, location, signals: new PostgresSignals(url, onError) });
}

function redact(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

async function check(pool: pg.Pool, clock: Clock | undefined): Promise<void> {
  const before = clock?.now() ?? 0;
  const { rows } = await pool.query<{ version: number; now: number }>(
    `select current_setting('server_version_num')::int as version,
            (extract(epoch from clock_timestamp()) * 1000)::bigint as now`,
  );
  const after = clock?.now() ?? Infinity;
  const { version, now } = rows[0]!;
  if (version < oldestServer * 10_000) throw new Error(`PostgreSQL ${oldestServer} or newer is needed`);
  const offMs = now < before ? before - now : now > after ? now - after : 0;
  if (offMs > clockToleranceMs) {
    throw new Error(
      `this machine's clock is ${Math.round(offMs / 100) / 10} s off the database server's; set both by NTP, then start again`,
    );
  }
}

/** Statements compiled for PostgreSQL; the server keeps a plan of each per connection, under its name. */
class Statements {
  readonly #builder = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  readonly #known = new Map<Prepared<never, never>, { name: string | undefined; compiled: CompiledStatement }>();

  config<P extends Params, R>(query: Prepared<P, R>, params: P): { name?: string; text: string; values: SqlValue[] } {
    const key = query as Prepared<never, never>;
    let known = this.#known.get(key);
    if (known === undefined) {
      const name = query.replan ? undefined : `${this.#known.size}_${query.name}`.slice(0, 63);
      known = { name, compiled: query.compile(this.#builder, clauses) };
      this.#known.set(key, known);
    }
    const statement = { text: known.compiled.sql, values: known.compiled.bind(params) };
    return known.name === undefined ? statement : { name: known.name, ...statement };
  }
}

class PostgresTx extends Tx {
  readonly #client: pg.PoolClient;
  readonly #statements: Statements;
  readonly #sent: Promise<unknown>[] = [];

  constructor(client: pg.PoolClient, statements: Statements) {
    super();
    this.#client = client;
    this.#statements = statements;
    this.#later(client.query('begin'));
  }

  /** Keeps what is looked at in `commit`; until then a failure must not count as unhandled. */
  #later(sent: Promise<unknown>): void {
    sent.catch(() => undefined);
    this.#sent.push(sent);
  }

  #query<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<pg.QueryResult> {
    return this.#client.query(this.#statements.config(query, params));
  }

  async all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> {
    return (await this.#query(query, params)).rows as R[];
  }

  async first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined> {
    return (await this.#query(query, params)).rows[0] as R | undefined;
  }

  async run<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<number> {
    return (await this.#query(query, params)).rowCount ?? 0;
  }

  send<P extends Params, R>(query: Prepared<P, R>, params: P): void {
    this.#later(this.#query(query, params));
  }

  /**
   * Commits behind whatever was sent, in the same round trip. When one of those failed, the server answers the commit
   * with a rollback.
   *
   * @returns the ids that were signalled.
   * @throws what a sent statement failed with; DomainError `storage_unavailable` when the outcome can't be known.
   */
  async commit(): Promise<ReadonlySet<Signal>> {
    const commit = this.#client.query('commit');
    commit.catch(() => undefined);
    // Whichever of them hears first of a lost connection: the commit was on its way by then.
    const all = Promise.all(this.#sent).then(() => commit);
    const { command } = await all.catch((error: unknown) => {
      throw isConnectionLoss(error) ? storageUnavailable(error, true) : error;
    });
    if (command !== 'COMMIT') throw new Error(`The commit was answered with ${command}`);
    return this.committed();
  }

  /**
   * @param error what the verb failed with.
   * @returns what it really failed with: once a sent statement has failed, the server answers all others with 25P02.
   */
  async rollback(error: unknown): Promise<unknown> {
    const sent = await Promise.allSettled(this.#sent);
    await this.#client.query('rollback');
    return sent.find((result) => result.status === 'rejected')?.reason ?? error;
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/**
 * A node of a later version has added to a table since the statement was prepared on this connection, which refuses it
 * from then on ("cached plan must not change result type"). On another connection it runs.
 */
const isOutdated = (error: unknown) => codeOf(error) === '0A000';

/** Serialisation failure and deadlock: the transaction may succeed when it is run again. */
const isConflict = (error: unknown) => ['40001', '40P01'].includes(codeOf(error));

/** The detail of such an error begins `Key (task_id, version)=`. */
const toUniqueViolation = (error: pg.DatabaseError) =>
  new UniqueViolation(error.table ?? '', /\(([^)]*)\)/.exec(error.detail ?? '')?.[1]?.split(', ') ?? [], error);

/** A schema step that waited too long for a table, or in a circle. The migrator wraps what a step fails with. */
const metOthers = (error: unknown): boolean =>
  ['55P03', '40P01'].includes(codeOf(error)) || (error instanceof Error && metOthers(error.cause));

/** Errors that `pg` reports without a code: the connection broke, or none was to be had. */
const connectionMessages =
  /^(Connection terminated|Query read timeout|timeout exceeded|Client (has encountered|was closed))/;

function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  if (code === '')
    return error instanceof Error && !(error instanceof DomainError) && connectionMessages.test(error.message);
  return /^(08|57P|E[A-Z]{3,})/.test(code);
}

/** Besides lost connections: out of resources (class 53, a full disk among them), I/O errors, a read-only standby. */
function storageError(error: unknown): unknown {
  if (error instanceof DomainError) return error;
  if (error instanceof pg.DatabaseError && error.code === '23505') return toUniqueViolation(error);
  return isConnectionLoss(error) || /^(53|58|57014|25006|XX001)/.test(codeOf(error))
    ? storageUnavailable(error)
    : error;
}

class PostgresDatabase implements Database {
  readonly location: string;
  readonly shared = true;
  readonly signals: PostgresSignals;
  readonly #pool: pg.Pool;
  readonly #url: string;
  /** The pool's open connections, idle and at work. */
  readonly #clients: ReadonlySet<pg.PoolClient>;
  /** Connections whose statements are outdated: not to be used again. */
  readonly #outdated = new WeakSet<pg.PoolClient>();
  readonly #statements = new Statements();
  #closed = false;
  #observe: ((transactions: number) => void) | undefined;

  constructor(
    pool: pg.Pool,
    clients: ReadonlySet<pg.PoolClient>,
    { url, location, signals }: { url: string; location: string; signals: PostgresSignals },
  ) {
    this.signals = signals;
    this.#pool = pool;
    this.#clients = clients;
    this.#url = url;
    this.location = location;
  }

  async #query<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> {
    for (let attempt = 1; ; attempt++) {
      const client = await this.#connect();
      let failure: unknown;
      try {
        return (await client.query(this.#statements.config(query, params))).rows as R[];
      } catch (error) {
        failure = error;
        if (!this.#renewIfOutdated(error) || attempt === attempts) throw storageError(error);
      } finally {
        client.release(isConnectionLoss(failure) || isOutdated(failure));
      }
    }
  }

  /** Has every connection that there is replaced when it is used next, if that is what the error asks for. */
  #renewIfOutdated(error: unknown): boolean {
    if (!isOutdated(error)) return false;
    for (const client of this.#clients) this.#outdated.add(client);
    return true;
  }

  all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> {
    return this.#query(query, params);
  }

  async first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined> {
    return (await this.#query(query, params))[0];
  }

  async #connect(): Promise<pg.PoolClient> {
    if (this.#closed) throw storageUnavailable(new Error('The database is closed'));
    if (this.#pool.waitingCount >= longestQueue) throw overloaded();
    try {
      for (;;) {
        const client = await this.#pool.connect();
        if (!this.#outdated.has(client)) return client;
        client.release(true);
      }
    } catch (error) {
      // Every connection is at work: the database is there, it is just behind.
      const isBusy = this.#pool.totalCount === connections;
      throw isBusy ? overloaded(error) : storageUnavailable(error);
    }
  }

  transact<T>(verb: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    return withFreshIds(() => this.#transact(verb, work));
  }

  async #transact<T>(verb: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const client = await this.#connect();
      const tx = new PostgresTx(client, this.#statements);
      let usable = true;
      try {
        const value = await work(tx);
        this.signals.send(await tx.commit());
        this.#observe?.(1);
        return value;
      } catch (error) {
        const cause = await tx.rollback(error).catch(() => {
          usable = false;
          return error;
        });
        if (!this.#renewIfOutdated(cause) && !isConflict(cause)) throw storageError(cause);
        if (attempt === attempts) throw overloaded(new Error(`"${verb}" lost ${attempts} conflicts`, { cause }));
      } finally {
        client.release(!usable);
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 ** attempt));
    }
  }

  get waiting(): number {
    return this.#pool.waitingCount;
  }

  observeCommits(observe: (transactions: number) => void): void {
    this.#observe = observe;
  }

  async runApart<Input, Output>(job: URL, input: Input): Promise<Output> {
    const { default: run } = (await import(job.href)) as { default: ApartJob<Input, Output> };
    return run(this, input);
  }

  async migrate(work: (db: Kysely<Schema>, dialect: SchemaDialect) => Promise<void>): Promise<void> {
    // A connection of its own, without time limits: a step may take long, and so may the wait for another node's.
    const client = new pg.Client({ connectionString: this.#url, application_name: 'pinchwork migration', types });
    client.on('error', () => undefined);
    await client.connect();
    // Kysely's driver wants a pool; it gets one that hands out this very connection, which holds the lock.
    const pool = {
      connect: async () => Object.assign(client, { release: () => undefined }),
      end: async () => undefined,
    };
    const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: pool as unknown as pg.Pool }) });
    try {
      await sql`select pg_advisory_lock(${sql.lit(migrationLock)})`.execute(db);
      await sql`set lock_timeout = ${sql.lit(tableWaitMs)}`.execute(db);
      const giveUpAt = performance.now() + tableWaitsMs;
      for (;;) {
        try {
          await work(db, ddl);
          return;
        } catch (error) {
          if (!metOthers(error) || performance.now() > giveUpAt) throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 * tableWaitMs));
      }
    } finally {
      // Ends the session, and with it the lock.
      await client.end();
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.signals.close();
    // A server that accepts and never answers would keep its queries, and so this process, for as long as it likes.
    const cut = setTimeout(() => this.#clients.forEach((client) => void client.connection.stream.destroy()), closeMs);
    try {
      await this.#pool.end();
    } finally {
      clearTimeout(cut);
    }
  }
}
