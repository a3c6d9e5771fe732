import type pg from 'pg';
import { type Signal, Tx } from '../database.ts';
import type { Params, Prepared } from '../prepared.ts';
import { isConnectionLoss, unavailable } from './failures.ts';
import type { Statements } from './statements.ts';

/** A transaction on one connection, whose statements are sent without waiting for the answers of those before. */
export class PostgresTx extends Tx {
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
