import type { Kysely } from 'kysely';
import pg from 'pg';
import type { Clock } from '../../ground/clock.ts';
import { DomainError, overloaded, storageUnavailable } from '../../ground/errors.ts';
import { type ApartJob, type Database, oneOf, type Tx } from '../database.ts';
import type { Params, Prepared } from '../prepared.ts';
import type { Schema } from '../schema.ts';
import type { SchemaDialect } from '../step-sql.ts';
import { withFreshIds } from '../unique.ts';
import { isConflict, isOfSession, mayRunElsewhere, storageError, unavailable } from './failures.ts';
import { Hosts } from './hosts.ts';
import { migrateOn } from './migration.ts';
import { beginSession, checkPreconditions } from './session.ts';
import { Packet, sessionOf } from './packet.ts';
import { PostgresSignals } from './signals.ts';
import { NamedStatements } from './statements.ts';
import { PostgresTx } from './tx.ts';
import { types } from './types.ts';
import { codeOf, messageOf } from '../../ground/unknown-error.ts';

const connections = 16;
/** At most this many callers wait for a connection. Further callers get `overloaded`. */
const longestQueue = 5_000;
/** How long to wait for a connection, either a new one or one that another caller releases. */
const connectTimeoutMs = 5_000;
const statementTimeoutMs = 30_000;
/** How long running queries may take after the database is closed. */
const closeMs = 1_000;
/** How many times a transaction is run in all when it meets conflicts. After that the caller gets `overloaded`. */
const attempts = 10;
/** How many times a statement or transaction is run in all when its session is at fault. */
const renewals = 3;

export interface PostgresOptions {
  /** The clock of the program. It must agree with the clock of the database server. */
  readonly clock?: Clock;
  /** Called for each connection that broke. It is replaced on the next use. */
  readonly onError: (error: Error) => void;
  /** The name of the setting that holds the address, for error messages. */
  readonly named?: string;
}

/**
 * Connects to PostgreSQL.
 *
 * @param url `postgres://…`; its query parameters are those of the `pg` package.
 * @throws Error with a message for people, when the server can't be reached, is too old, or its clock differs.
 */
export async function openPostgres(
  url: string,
  { clock, onError, named = 'PINCHWORK_DATABASE_URL' }: PostgresOptions,
): Promise<Database> {
  const hosts = new Hosts(url);
  const limits = { statementMs: statementTimeoutMs, idleInTransactionMs: statementTimeoutMs };
  const clients = new Set<Cuttable>();
  const begin = async (client: pg.ClientBase & Cuttable) => {
    // Registered before it connects, so that closing the database can also cut off a connection whose server never
    // answers.
    clients.add(client);
    client.once('end', () => clients.delete(client));
    await beginSession(client, limits, hosts.wantsPrimary);
  };
  const pool = new pg.Pool({
    connectionString: hosts.url,
    max: connections,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs + 5_000,
    // The pool awaits this, although its types do not say so.
    onConnect: begin as unknown as (client: pg.ClientBase) => void,
    application_name: 'pinchwork',
    keepAlive: true,
    types,
  });
  // Without these listeners, a broken connection would end the process. The pool reports idle connections, and a busy
  // connection reports itself.
  pool.on('error', onError);
  pool.on('connect', (client) => client.on('error', onError));
  const { location } = hosts;
  const connect = connector(pool, hosts);
  try {
    (await connect()).release();
    await checkPreconditions(pool, clock);
  } catch (error) {
    await pool.end();
    const reason = messageOf(error) || (codeOf(error) ?? 'unknown');
    throw new Error(`Can't use PostgreSQL at ${location} (${named}): ${reason}`, { cause: error });
  }
  return new PostgresDatabase(pool, clients, { hosts, connect, signals: new PostgresSignals(hosts, onError) });
}

/** A connection that can be destroyed without the closing handshake. */
type Cuttable = Pick<pg.PoolClient, 'connection'>;

type Connect = () => Promise<pg.PoolClient>;

/**
 * Takes connections from the pool. When the current server is gone or does not accept writes, connects to the next
 * server.
 */
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

class PostgresDatabase implements Database {
  readonly location: string;
  readonly shared = true;
  readonly signals: PostgresSignals;
  readonly #pool: pg.Pool;
  readonly #hosts: Hosts;
  readonly #connectToPool: Connect;
  /** The open connections of the pool, idle and busy. */
  readonly #clients: ReadonlySet<Cuttable>;
  /** Connections that must not be used again, because the fault of another session may affect them too. */
  readonly #suspect = new WeakSet<Cuttable>();
  readonly #statements = new NamedStatements();
  #closed = false;
  #observe: ((transactions: number) => void) | undefined;

  constructor(
    pool: pg.Pool,
    clients: ReadonlySet<Cuttable>,
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
        const packet = new Packet(sessionOf(client));
        const { statement, compiled } = this.#statements.get(query);
        const answer = packet.ask(statement, compiled.bind(params));
        client.query(packet);
        // The statement was compiled from the query, so its rows have the query's type.
        return (await answer).rows as R[];
      } catch (error) {
        failure = error;
        this.#suspectOthers(error);
        if (!mayRunElsewhere(error) || attempt >= renewals) throw storageError(error);
      } finally {
        client.release(isOfSession(failure));
      }
    }
  }

  /** If the error is a fault of the session, marks all open connections for replacement on their next use. */
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
      // When all connections are busy, the database is reachable but slow.
      const isBusy = this.#pool.totalCount === connections;
      throw isBusy ? overloaded(error) : unavailable(error);
    }
  }

  one<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R> {
    return oneOf(this, query, params);
  }

  transact<T>(verb: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    return withFreshIds(() => this.#transact(verb, work));
  }

  async #transact<T>(verb: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const client = await this.#connect();
      const tx = new PostgresTx(client, this.#statements);
      const session = { usable: true };
      let failure: unknown;
      try {
        const value = await work(tx);
        await tx.checkMusts();
        this.signals.send(await tx.commit());
        this.#observe?.(1);
        return value;
      } catch (error) {
        const cause = await tx.rollback(error).catch(() => {
          session.usable = false;
          return error;
        });
        failure = cause instanceof DomainError ? cause.cause : cause;
        this.#suspectOthers(failure);
        if (!(mayRunElsewhere(cause) && attempt < renewals) && !isConflict(cause)) throw storageError(cause);
        if (attempt === attempts) throw overloaded(new Error(`"${verb}" lost ${attempts} conflicts`, { cause }));
      } finally {
        client.release(!session.usable || isOfSession(failure));
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 ** attempt));
    }
  }

  get waiting(): number {
    return this.#pool.waitingCount;
  }

  async countServers(): Promise<number> {
    const client = await this.#connect();
    let failure: unknown;
    try {
      return 1 + (await this.signals.countOthers(client));
    } catch (error) {
      failure = error;
      throw storageError(error);
    } finally {
      client.release(isOfSession(failure));
    }
  }

  observeCommits(observe: (transactions: number) => void): void {
    this.#observe = observe;
  }

  async runApart<Input, Output>(job: URL, input: Input): Promise<Output> {
    // The callers name the types of the job whose file they give.
    const { default: run } = (await import(job.href)) as { default: ApartJob<Input, Output> };
    return run(this, input);
  }

  migrate(work: (db: Kysely<Schema>, dialect: SchemaDialect) => Promise<void>): Promise<void> {
    return migrateOn(this.#hosts.url, work);
  }

  async scrub(): Promise<void> {
    // Removed rows are overwritten after the next vacuum.
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.signals.close();
    // A server that accepts a query and never answers would otherwise keep this process alive.
    const cut = setTimeout(() => this.#clients.forEach((client) => void client.connection.stream.destroy()), closeMs);
    try {
      await this.#pool.end();
    } finally {
      clearTimeout(cut);
    }
  }
}
