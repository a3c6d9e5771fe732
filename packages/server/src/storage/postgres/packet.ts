import type pg from 'pg';
import { at } from '../../ground/present.ts';
import type { SqlValue } from '../prepared.ts';
import { Messages } from './messages.ts';
import { types } from './types.ts';

/** A statement that a session keeps under its name. Without a name, it is planned on each call. */
export interface NamedStatement {
  readonly name: string;
  readonly text: string;
}

/** What a statement has returned and changed. */
export interface StatementResult {
  readonly rows: readonly unknown[];
  /** What was done, and how often: `UPDATE 1`. */
  readonly tag: string;
}

type Parser = (text: string) => unknown;

/** How the texts of a row become the values of its columns. */
type Columns = readonly { readonly name: string; readonly parse: Parser }[];

/** The statements that a session of the server keeps. */
class Session {
  readonly #kept = new Map<string, Columns>();
  /** The names that were sent. The server may keep such a statement even if the packet failed. */
  readonly #sent = new Set<string>();

  columnsOf(name: string): Columns | undefined {
    return this.#kept.get(name);
  }

  keep(name: string, columns: Columns): void {
    this.#kept.set(name, columns);
  }

  /** Notes that a name is sent. @returns whether it was sent before. */
  noteSent(name: string): boolean {
    const wasSent = this.#sent.has(name);
    this.#sent.add(name);
    return wasSent;
  }
}

interface Field {
  readonly name: string;
  readonly dataTypeID: number;
}

interface Sent {
  readonly statement: NamedStatement;
  readonly values: readonly SqlValue[];
  readonly resolve: ((answer: StatementResult) => void) | undefined;
  readonly reject: ((error: unknown) => void) | undefined;
}

const noColumns: Columns = [];

/**
 * Statements that go to the server at once and are answered at once. The driver alone would end each statement with a
 * `Sync`, at which the server sends what it has answered so far, and have its columns described on each call
 * (docs/decisions/0027).
 *
 * After a statement has failed, the server skips the rest of the packet, so all of these fail with the same error.
 */
export class Packet {
  /** Resolves when the server has answered all of it; rejects with the first error. */
  readonly done: Promise<unknown>;
  /** Set by the driver for its time limit. */
  callback: ((error?: unknown) => void) | undefined = undefined;
  /** In the order in which they run. */
  readonly statements: Sent[] = [];
  /** The first error. */
  failure: { readonly error: unknown } | undefined;
  readonly #settle: { resolve: (value: undefined) => void; reject: (error: unknown) => void };
  readonly #session: Session;
  /** The statement that is being answered. */
  #at = 0;
  #columns: Columns | undefined;
  #rows: unknown[] = [];

  constructor(session: Session) {
    this.#session = session;
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    // Its users learn of an error from their statements, or look at it at the end.
    promise.catch(() => undefined);
    this.done = promise;
    this.#settle = { resolve, reject };
  }

  /** Adds a statement whose answer is needed. */
  ask(statement: NamedStatement, values: readonly SqlValue[]): Promise<StatementResult> {
    return new Promise((resolve, reject) => {
      this.statements.push({ statement, values, resolve, reject });
    });
  }

  /** Adds a statement that only must not fail. */
  tell(statement: NamedStatement, values: readonly SqlValue[]): void {
    this.statements.push({ statement, values, resolve: undefined, reject: undefined });
  }

  /** Called by the driver, as all that follows. */
  submit(connection: pg.Connection): void {
    const messages = new Messages();
    const described = new Set<string>();
    for (const { statement, values } of this.statements) {
      const { name, text } = statement;
      if (this.#session.columnsOf(name) === undefined && !described.has(name)) {
        if (name !== '') {
          described.add(name);
          if (this.#session.noteSent(name)) messages.close(name);
        }
        messages.parse(name, text);
        messages.describe(name);
      }
      messages.run(name, values);
    }
    // A connection that has broken reports that by itself.
    if (connection.stream.writable) connection.stream.write(messages.sync());
  }

  handleRowDescription({ fields }: { fields: readonly Field[] }): void {
    this.#columns = fields.map(({ name, dataTypeID }) => ({
      name,
      // The types of the driver do not say that a parser takes a text.
      parse: types.getTypeParser(dataTypeID, 'text') as unknown as Parser,
    }));
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    if (this.#hasFailed) return;
    const columns = (this.#columns ??=
      this.#session.columnsOf(at(this.statements, this.#at).statement.name) ?? noColumns);
    const row: Record<string, unknown> = {};
    for (const [i, { name, parse }] of columns.entries()) {
      const text = fields[i] ?? null;
      row[name] = text === null ? null : parse(text);
    }
    this.#rows.push(row);
  }

  /** The answer may still arrive after the driver's time limit. */
  get #hasFailed(): boolean {
    return this.failure !== undefined;
  }

  handleCommandComplete({ text: tag }: { text: string }): void {
    if (this.#hasFailed) return;
    const { statement, resolve } = at(this.statements, this.#at++);
    const { name } = statement;
    if (name !== '' && this.#session.columnsOf(name) === undefined) {
      this.#session.keep(name, this.#columns ?? noColumns);
    }
    const rows = this.#rows;
    this.#columns = undefined;
    this.#rows = [];
    resolve?.({ rows, tag });
  }

  handleReadyForQuery(): void {
    this.callback?.();
    this.#settle.resolve(undefined);
  }

  /** The server has refused a statement, or the connection is lost. */
  handleError(error: unknown): void {
    this.failure ??= { error };
    this.callback?.(error);
    for (const { reject } of this.statements.slice(this.#at)) reject?.(error);
    this.#at = this.statements.length;
    this.#settle.reject(error);
  }
}

const sessions = new WeakMap<object, Session>();

/** The session of a connection. */
export function sessionOf(client: object): Session {
  let session = sessions.get(client);
  if (session === undefined) sessions.set(client, (session = new Session()));
  return session;
}

/** How many rows a statement has returned or changed. */
export const countOf = ({ tag }: StatementResult): number => Number(tag.slice(tag.lastIndexOf(' ') + 1)) || 0;
