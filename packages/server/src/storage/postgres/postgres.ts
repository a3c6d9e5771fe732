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
import { type ApartJob, type Database, type Signal, Tx } from '../database.ts';
import {
  isConflict,
  isConnectionLoss,
  isOfSession,
  mayRunElsewhere,
  metOthers,
  storageError,
  unavailable,
} from './failures.ts';
import { Hosts } from './hosts.ts';
import { beginSession, checkPreconditions } from './session.ts';
import { PostgresSignals } from './signals.ts';
import type { CompiledStatement, EngineClauses, Params, Prepared, SqlValue } from '../prepared.ts';
import { textIndexClauses, textIndexTables } from './texts.ts';
import type { Schema } from '../schema.ts';
import { withFreshIds } from '../unique.ts';
import { rebuildTable } from './rebuild.ts';
import type { SchemaDialect } from '../step-sql.ts';

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
/** How often a statement or transaction is run in all when it is the session that will not do. */
const renewals = 3;
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
  rebuildTable,
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
  const hosts = new Hosts(url);
  const limits = { statementMs: statementTimeoutMs, idleInTransactionMs: statementTimeoutMs };
  const pool = new pg.Pool({
    connectionString: hosts.url,
    max: connections,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs + 5_000,
    onConnect: (client) => beginSession(client, limits, hosts.wantsPrimary),
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
  const { location } = hosts;
  const connect = connector(pool, hosts);
  try {
    (await connect()).release();
    await checkPreconditions(pool, clock);
  } catch (error) {
    await pool.end();
    const reason = error instanceof Error ? error.message || String((error as { code?: string }).code) : String(error);
    throw new Error(`Can't use PostgreSQL at ${location} (${named}): ${reason}`, { cause: error });
  }
  return new PostgresDatabase(pool, clients, { hosts, connect, signals: new PostgresSignals(hosts, onError) });
}

type Connect = () => Promise<pg.PoolClient>;

/** Takes connections from the pool, which makes them to the next server where the last one is gone or takes no writes. */
function connector(pool: pg.Pool, hosts: Hosts): Connect {
  return async () => {
    for (let tried = 1; ; tried++) {
      const { url } = hosts;
      pool.options.connectionString = url;
      try {
        return await pool.connect();
      } catch (error) {
        if (!isOfSession(error)) throw error;
        hosts.leave(url);
        if (tried >= hosts.count) throw error;
      }
    }
  };
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
      throw isConnectionLoss(error) ? unavailable(error, true) : error;
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

class PostgresDatabase implements Database {
  readonly location: string;
  readonly shared = true;
  readonly signals: PostgresSignals;
  readonly #pool: pg.Pool;
  readonly #hosts: Hosts;
  readonly #connectToPool: Connect;
  /** The pool's open connections, idle and at work. */
  readonly #clients: ReadonlySet<pg.PoolClient>;
  /** Connections that are not to be used again: what went wrong in another one may go wrong in them. */
  readonly #suspect = new WeakSet<pg.PoolClient>();
  readonly #statements = new Statements();
  #closed = false;
  #observe: ((transactions: number) => void) | undefined;

  constructor(
    pool: pg.Pool,
    clients: ReadonlySet<pg.PoolClient>,
    { hosts, connect, signals }: { hosts: Hosts; connect: Connect; signals: PostgresSignals },
  ) {
    this.signals = signals;
    this.#pool = pool;
    this.#clients = clients;
    this.#hosts = hosts;
    this.#connectToPool = connect;
    this.location = hosts.location;
  }

  async #query<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> {
    for (let attempt = 1; ; attempt++) {
      const client = await this.#connect();
      let failure: unknown;
      try {
        return (await client.query(this.#statements.config(query, params))).rows as R[];
      } catch (error) {
        failure = error;
        this.#suspectOthers(error);
        if (!mayRunElsewhere(error) || attempt >= renewals) throw storageError(error);
      } finally {
        client.release(isOfSession(failure));
      }
    }
  }

  /** Has every connection that there is replaced when it is used next, if the error belongs to the session. */
  #suspectOthers(error: unknown): void {
    if (!isOfSession(error)) return;
    for (const client of this.#clients) this.#suspect.add(client);
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
        const client = await this.#connectToPool();
        if (!this.#suspect.has(client)) return client;
        client.release(true);
      }
    } catch (error) {
      // Every connection is at work: the database is there, it is just behind.
      const isBusy = this.#pool.totalCount === connections;
      throw isBusy ? overloaded(error) : unavailable(error);
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
      let failure: unknown;
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
        failure = cause instanceof DomainError ? cause.cause : cause;
        this.#suspectOthers(failure);
        if (!(mayRunElsewhere(cause) && attempt < renewals) && !isConflict(cause)) throw storageError(cause);
        if (attempt === attempts) throw overloaded(new Error(`"${verb}" lost ${attempts} conflicts`, { cause }));
      } finally {
        client.release(!usable || isOfSession(failure));
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
    const client = new pg.Client({ connectionString: this.#hosts.url, application_name: 'pinchwork migration', types });
    client.on('error', () => undefined);
    await client.connect();
    await beginSession(client, { statementMs: 0, idleInTransactionMs: 0 });
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
