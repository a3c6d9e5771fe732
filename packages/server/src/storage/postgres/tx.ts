import type pg from 'pg';
import { type Signal, Tx } from '../database.ts';
import type { Params, Prepared } from '../prepared.ts';
import { isConnectionLoss, unavailable } from './failures.ts';
import { type StatementResult, countOf, type NamedStatement, Packet, sessionOf } from './packet.ts';
import type { NamedStatements } from './statements.ts';

const control = (text: string): NamedStatement => ({ name: text, text });
const begin = control('begin');
const commit = control('commit');

/**
 * A transaction on one connection. The statements of a turn, those that the verb asks for or sends before it waits, go to
 * the server as one packet. While the server answers it, the next one is filled.
 */
export class PostgresTx extends Tx {
  readonly #client: pg.PoolClient;
  readonly #statements: NamedStatements;
  /** The packet that is being filled. */
  #next: Packet | undefined;
  #isWaiting = false;
  readonly #submitted: Packet[] = [];
  #isOver = false;

  constructor(client: pg.PoolClient, statements: NamedStatements) {
    super();
    this.#client = client;
    this.#statements = statements;
    this.#packet().tell(begin, []);
  }

  #packet(): Packet {
    if (this.#isOver) throw new Error('The transaction is over');
    if (this.#next === undefined) {
      this.#next = new Packet(sessionOf(this.#client));
      this.#submitSoon();
    }
    return this.#next;
  }

  /** Runs when all promises that are settled by now have been handled, so when the verb waits. */
  #submitSoon(): void {
    process.nextTick(() => this.#submit());
  }

  #submit(): void {
    const packet = this.#next;
    if (packet === undefined || this.#isWaiting) return;
    this.#next = undefined;
    this.#isWaiting = true;
    this.#submitted.push(packet);
    const goOn = () => {
      this.#isWaiting = false;
      if (this.#next !== undefined) this.#submitSoon();
    };
    packet.done.then(goOn, goOn);
    this.#client.query(packet);
  }

  #ask<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<StatementResult> {
    const { statement, compiled } = this.#statements.get(query);
    return this.#packet().ask(statement, compiled.bind(params));
  }

  // The statement was compiled from the query, so its rows have the query's type. The same in `first`.
  async all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> {
    return (await this.#ask(query, params)).rows as R[];
  }

  async first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined> {
    // As in `all`.
    return (await this.#ask(query, params)).rows[0] as R | undefined;
  }

  async run<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<number> {
    return countOf(await this.#ask(query, params));
  }

  send<P extends Params, R>(query: Prepared<P, R>, params: P): void {
    const { statement, compiled } = this.#statements.get(query);
    this.#packet().tell(statement, compiled.bind(params));
  }

  /** The first error of a statement, also of one that was only sent. */
  get #failure(): { readonly error: unknown } | undefined {
    return this.#submitted.find(({ failure }) => failure !== undefined)?.failure;
  }

  /**
   * Sends the commit with the statements that wait to be sent. If one of those fails, the server skips the commit; if an
   * earlier one has failed, it answers the commit with ROLLBACK.
   *
   * @returns the signals of the transaction.
   * @throws the error of a statement; DomainError `storage_unavailable` when the outcome is unknown.
   */
  async commit(): Promise<ReadonlySet<Signal>> {
    const packet = this.#packet();
    const answer = packet.ask(commit, []);
    answer.catch(() => undefined);
    await packet.done.catch((error: unknown) => {
      throw isConnectionLoss(error) ? unavailable(error, true) : error;
    });
    this.#isOver = true;
    if (this.#failure !== undefined) throw this.#failure.error;
    const { tag } = await answer;
    if (tag !== 'COMMIT') throw new Error(`The server answered the commit with ${tag}`);
    return this.committed();
  }

  /**
   * @param error the error of the verb.
   * @returns the first error: after a statement has failed, the server answers all later ones with 25P02.
   */
  async rollback(error: unknown): Promise<unknown> {
    this.#isOver = true;
    // Nothing that has not been sent is needed any more.
    this.#next = undefined;
    const last = this.#submitted.at(-1);
    if (last === undefined) return error;
    await last.done.catch(() => undefined);
    await this.#client.query('rollback');
    return this.#failure?.error ?? error;
  }
}
