import type { Database as Connection, Statement } from 'better-sqlite3';
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, sql } from 'kysely';
import type { CompiledStatement, EngineClauses, Params, Prepared } from '../prepared.ts';
import type { Schema } from '../schema.ts';
import { textIndexClauses } from './texts.ts';

const clauses: EngineClauses = {
  skipLocked: (query) => query,
  hold: (query) => query,
  isListed: (column, json) => sql`${sql.ref(column)} in (select value from json_each(${json}))`,
  contains: (text, part) => sql<boolean>`instr(${text}, ${part}) > 0`,
  textIndex: textIndexClauses,
};

/**
 * Writes a parameter as `+?`, which has the same value and lets SQLite keep the compiled statement. SQLite compiles a
 * statement again on each run when the plan could depend on a bound value: for any `limit ?`, and for most statements
 * with an order. Compiling took 4 µs for the smallest statements and up to 0.6 ms for those of the board, more than
 * running them.
 */
class QueryCompiler extends SqliteQueryCompiler {
  protected override getCurrentParameterPlaceholder(): string {
    return '+?';
  }
}

const builder = new Kysely<Schema>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new QueryCompiler(),
  },
});

/** Compiles a query for SQLite. */
export const compile = <P, R>(query: Prepared<P, R>): CompiledStatement => query.compile(builder, clauses);

/**
 * The prepared statements of one connection. Passing values as single arguments costs 10 % less than passing a list.
 */
export class Statements {
  readonly #connection: Connection;
  readonly #known = new Map<Prepared<never, never>, { statement: Statement; compiled: CompiledStatement }>();
  #changes = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * The number of statements so far that changed a row. A failed statement is not counted: SQLite undoes its changes.
   */
  get changes(): number {
    return this.#changes;
  }

  #get<P, R>(query: Prepared<P, R>) {
    const key = query as Prepared<never, never>;
    let known = this.#known.get(key);
    if (known === undefined) {
      const compiled = compile(query);
      known = { compiled, statement: this.#connection.prepare(compiled.sql) };
      this.#known.set(key, known);
    }
    return known;
  }

  all<P extends Params, R>(query: Prepared<P, R>, params: P): R[] {
    const { statement, compiled } = this.#get(query);
    const rows = statement.all(...compiled.bind(params)) as R[];
    if (!statement.readonly && rows.length > 0) this.#changes++;
    return rows;
  }

  first<P extends Params, R>(query: Prepared<P, R>, params: P): R | undefined {
    const { statement, compiled } = this.#get(query);
    const row = statement.get(...compiled.bind(params)) as R | undefined;
    if (!statement.readonly && row !== undefined) this.#changes++;
    return row;
  }

  run<P extends Params, R>(query: Prepared<P, R>, params: P): number {
    const { statement, compiled } = this.#get(query);
    const { changes } = statement.run(...compiled.bind(params));
    if (changes > 0) this.#changes++;
    return changes;
  }
}
