import type { Socket } from 'node:net';
import type pg from 'pg';
import { type Signal, Tx } from '../database.ts';
import type { Params, Prepared } from '../prepared.ts';
import { isConnectionLoss, unavailable } from './failures.ts';
import type { NamedStatements } from './statements.ts';

/** The driver's connection, which its types leave out. */
type ClientWithStream = pg.PoolClient & { readonly connection: { readonly stream: Socket } };

/** A transaction on one connection. It sends statements without waiting for the answers to earlier ones. */
export class PostgresTx extends Tx {
  readonly #client: pg.PoolClient;
  readonly #statements: NamedStatements;
  readonly #sent: Promise<unknown>[] = [];
  #isHeldBack = false;

  constructor(client: pg.PoolClient, statements: NamedStatements) {
    super();
    this.#client = client;
    this.#statements = statements;
    this.#holdBack();
    this.#later(client.query('begin'));
  }

  /**
   * Keeps a promise that `commit` awaits. The empty handler stops Node from reporting an unhandled rejection before
   * that.
   */
  #later(sent: Promise<unknown>): void {
    sent.catch(() => undefined);
    this.#sent.push(sent);
  }

  /**
   * Lets the connection collect what the verb sends before it waits, and sends it as one packet. Otherwise each statement
   * would be a packet of its own, which costs both sides a system call.
   */
  #holdBack(): void {
    if (this.#isHeldBack) return;
    this.#isHeldBack = true;
    const { stream } = (this.#client as ClientWithStream).connection;
    stream.cork();
    // Runs when all promises that are settled by now have been handled, so when the verb waits.
    process.nextTick(() => {
      this.#isHeldBack = false;
      stream.uncork();
    });
  }

  #query<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<pg.QueryResult> {
    this.#holdBack();
    return this.#client.query(this.#statements.config(query, params));
  }

  // The statement was compiled from the query, so its rows have the query's type. The same in `first`.
  async all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> {
    return (await this.#query(query, params)).rows as R[];
  }

  async first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined> {
    // As in `all`.
    return (await this.#query(query, params)).rows[0] as R | undefined;
  }

  async run<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<number> {
    return (await this.#query(query, params)).rowCount ?? 0;
  }

  send<P extends Params, R>(query: Prepared<P, R>, params: P): void {
    this.#later(this.#query(query, params));
  }

  /**
   * Sends the commit after the queued statements, in the same round trip. If one of those failed, the server answers
   * the commit with ROLLBACK.
   *
   * @returns the signals of the transaction.
   * @throws the error of a queued statement; DomainError `storage_unavailable` when the outcome is unknown.
   */
  async commit(): Promise<ReadonlySet<Signal>> {
    this.#holdBack();
    const commit = this.#client.query('commit');
    commit.catch(() => undefined);
    // Any of these promises may report a lost connection first. By then the commit has been sent, so its outcome is
    // unknown.
    const all = Promise.all(this.#sent).then(() => commit);
    const { command } = await all.catch((error: unknown) => {
      throw isConnectionLoss(error) ? unavailable(error, true) : error;
    });
    if (command !== 'COMMIT') throw new Error(`The server answered the commit with ${command}`);
    return this.committed();
  }

  /**
   * @param error the error of the verb.
   * @returns the first error: after a queued statement has failed, the server answers all later ones with 25P02.
   */
  async rollback(error: unknown): Promise<unknown> {
    const sent = await Promise.allSettled(this.#sent);
    await this.#client.query('rollback');
    return sent.find((result) => result.status === 'rejected')?.reason ?? error;
  }
}
