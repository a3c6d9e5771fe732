import {
  type Compilable,
  type Insertable,
  type InsertResult,
  type Kysely,
  type RawBuilder,
  type SelectQueryBuilder,
  sql,
  type SqlBool,
} from 'kysely';
import { at, present } from '../ground/present.ts';
import {
  type CompiledStatement,
  type Params,
  Placeholder,
  placeholders,
  type SqlValue,
  toStatement,
} from './binding.ts';
import { withoutReturning } from './read-back.ts';
import type { Schema } from './schema.ts';

export { type CompiledStatement, derived, type Params, type SqlValue } from './binding.ts';

/** The tables that servers take work from. */
type Lockable = 'tasks' | 'outbox' | 'webhook_receivers' | 'push_configs' | 'search_progress';

/** Clauses that differ between the engines. An engine without a clause returns the query unchanged. */
export interface EngineClauses {
  /** Skips rows that another transaction has locked, and locks the rows it returns. */
  skipLocked<T extends Lockable, O>(
    query: SelectQueryBuilder<Schema, T, O>,
    table: T,
  ): SelectQueryBuilder<Schema, T, O>;
  /** Waits for locks on the rows it reads, then locks them until the end of the transaction, as an UPDATE would. */
  hold<T extends keyof Schema, O>(query: SelectQueryBuilder<Schema, T, O>): SelectQueryBuilder<Schema, T, O>;
  /** Whether a text is in a JSON list. The list is one parameter, so one statement serves lists of any length. */
  isListed(column: string, json: string): RawBuilder<SqlBool>;
  /** Whether a text contains another, literally. */
  contains(text: RawBuilder<unknown>, part: SqlValue): RawBuilder<boolean>;
  readonly textIndex: TextIndexClauses;
  /** Whether reading a changed row by its key costs less than RETURNING (`Prepared`'s option `key`). */
  readonly readsBack: boolean;
}

/** The index from trigrams (`trigrams.ts`) to the numbers of the documents that contain them. */
export interface TextIndexClauses {
  /** Adds a document's folded text. */
  add(p: { doc: number; folded: string }): RawBuilder<unknown>;
  remove(p: { doc: number }): RawBuilder<unknown>;
  /** Does a bounded part of the work that the index has deferred. */
  tidy(): RawBuilder<unknown>;
  /**
   * Rows of `doc`, ascending: the documents with `after < doc <= upto` that have the trigrams of `part`, a folded text
   * of at least three characters. Every document that contains `part` is among them; the caller must check each one.
   */
  find(p: { part: string; after: number; upto: number; limit: number }): RawBuilder<{ doc: number }>;
}

/**
 * A query that is written once in typed Kysely and compiled once per engine. Building and compiling it on each call
 * costs more than running it: 5,500 against 14,200 requests/s, see docs/decisions/0002.
 */
export interface Prepared<P, R> {
  readonly name: string;
  /**
   * PostgreSQL may use one plan for a named statement whatever its values are. `true` makes it plan on each call, for
   * queries whose best plan depends on the values.
   */
  readonly replan: boolean;
  /**
   * In words, what bounds the number of rows that the statement reads or sorts, when it reads an index from its beginning
   * or sorts. Undefined for a statement that an index serves in order; the test of query plans requires that of all
   * statements without this text.
   */
  readonly bounded: string | undefined;
  /** In words, why the statement may read a whole table. */
  readonly scans: string | undefined;
  compile(db: Kysely<Schema>, engine: EngineClauses): CompiledStatement;
  /** Carries the types only. It is always undefined at run time. */
  readonly types?: { params: P; row: R };
}

/** `replan`, `bounded` and `scans` of `Prepared`. */
interface QueryOptions {
  readonly replan?: boolean;
  readonly bounded?: string;
  readonly scans?: string;
}

/** For a statement that changes or adds at most one row, and returns it. */
interface ReturnOptions<P> {
  /**
   * The column of the row's primary key, and the parameter that holds its value. An engine on which RETURNING is slow
   * then reads the row back instead.
   */
  readonly key?: keyof P & string;
}

/**
 * Declares a query. Inside `build`, `params` has placeholders in place of values: a parameter can stand wherever Kysely
 * takes a value, but `build` can't read it.
 */
export function prepared<P extends Params, R>(
  name: string,
  build: (db: Kysely<Schema>, params: P, engine: EngineClauses) => Compilable<R>,
  { replan = false, bounded, scans, key }: QueryOptions & ReturnOptions<P> = {},
): Prepared<P, R> {
  const query: Prepared<P, R> = {
    name,
    replan,
    bounded,
    scans,
    compile: (db, engine) => {
      const query = build(db, placeholders(), engine).compile();
      if (key === undefined || !engine.readsBack) return toStatement(query);
      const { change, read } = withoutReturning(db, query, { key, value: new Placeholder(key) });
      return { ...toStatement(change), readBack: toStatement(read) };
    },
  };
  // Forgets the types of its parameters and rows.
  declared.add(query as Prepared<never, unknown>);
  return query;
}

const declared = new Set<Prepared<never, unknown>>();

/** All queries declared so far, for the test of their plans. A query per shape is declared on its first use. */
export const declaredQueries = (): ReadonlySet<Prepared<never, unknown>> => declared;

/**
 * Declares a query that counts the rows of another one, up to `limit`.
 *
 * @param rows the query without a limit. Its selected columns are ignored.
 */
export function counting<P extends Params>(
  name: string,
  rows: (
    db: Kysely<Schema>,
    params: P & { limit: number },
    engine: EngineClauses,
  ) => SelectQueryBuilder<Schema, never, object>,
  options: Pick<QueryOptions, 'replan' | 'scans'> = {},
): Prepared<P & { limit: number }, { total: number }> {
  return prepared(
    name,
    (db, p: P & { limit: number }, engine) =>
      db.selectFrom(rows(db, p, engine).limit(p.limit).as('counted')).select(sql<number>`count(*)`.as('total')),
    { bounded: 'it counts up to a limit', ...options },
  );
}

/** A query that is clearer in SQL than through the builder. */
export function preparedSql<P extends Params, R>(
  name: string,
  build: (params: P, engine: EngineClauses) => RawBuilder<R>,
  options: QueryOptions = {},
): Prepared<P, R> {
  return prepared(name, (db, params: P, engine) => ({ compile: () => build(params, engine).compile(db) }), options);
}

/** The parameters of an `insertion`: the columns that it fills. */
type Row<T extends keyof Schema, C extends keyof Insertable<Schema[T]>> = { [K in C]: Insertable<Schema[T]>[K] };

/**
 * Declares the insertion of one row. Its parameters are the named columns; all columns without a default must be named.
 */
export function insertion<T extends keyof Schema, C extends keyof Insertable<Schema[T]> & string>(
  table: T,
  ...columns: C[]
): Prepared<Row<T, C> & Params, InsertResult> {
  return prepared(`insert into ${table}`, (db, row: Row<T, C> & Params) =>
    db
      .insertInto(table)
      // `fromEntries` forgets which columns it fills.
      .values(Object.fromEntries(columns.map((column) => [column, row[column]])) as Insertable<Schema[T]>),
  );
}

/**
 * Wraps a condition so that PostgreSQL assumes nearly all rows meet it. Without that, it multiplies the estimates of
 * many conditions, expects almost no row, and scans a whole table to join it with the few rows that it should look up
 * there.
 */
export const fulfilled = (condition: RawBuilder<unknown>) =>
  sql<boolean>`(case when ${condition} then 1 end) is not null`;

/**
 * Makes the function that compiles queries for an engine. It keeps what it has compiled for all databases of the program:
 * building and compiling a query takes up to a millisecond. Each connection keeps only its statements.
 */
export function compiler(
  db: Kysely<Schema>,
  engine: EngineClauses,
): <P, R>(query: Prepared<P, R>) => CompiledStatement {
  const known = new WeakMap<object, CompiledStatement>();
  return (query) => {
    const kept = known.get(query);
    if (kept !== undefined) return kept;
    const compiled = query.compile(db, engine);
    known.set(query, compiled);
    return compiled;
  };
}

/**
 * Makes one prepared query per shape (a number of tags, for example) on first use, and keeps it. There must be few
 * shapes.
 */
export function perShape<S extends string | number, P, R>(
  make: (shape: S) => Prepared<P, R>,
): (shape: S) => Prepared<P, R> {
  const made = new Map<S, Prepared<P, R>>();
  return (shape) => {
    const known = made.get(shape);
    if (known !== undefined) return known;
    const query = make(shape);
    made.set(shape, query);
    return query;
  };
}

/**
 * The parameters `id_0`, `id_1`, … of a statement with places for `size` values. A shorter list repeats its last value,
 * so that few statements serve lists of many lengths. The list must not be empty.
 */
export function listParams(name: string, values: readonly string[], size = values.length): Params {
  const params: Params = {};
  for (let i = 0; i < size; i++) params[`${name}_${i}`] = at(values, Math.min(i, values.length - 1));
  return params;
}

/**
 * The placeholder of a numbered parameter, such as `id_0`, for building the statement. It stands for a text; the types of
 * parameters cannot say that of numbered ones.
 */
export const numberedText = (params: Params, name: string, i: number) => params[`${name}_${i}`] as string;

/** The same for a parameter that is a number. */
export const numberedCount = (params: Params, name: string, i: number) => params[`${name}_${i}`] as number;

/** The placeholders of such a list, for building the statement. */
export const listed = (params: Params, name: string, size: number): string[] =>
  Array.from({ length: size }, (_, i) => numberedText(params, name, i));

/**
 * The parameters of a list for the smallest of several statements that has places for it. The largest one must have
 * enough.
 */
export function fitted(
  sizes: readonly number[],
  name: string,
  values: readonly string[],
): { size: number; params: Params } {
  const size = present(
    sizes.find((each) => each >= values.length),
    `A statement for ${values.length} values`,
  );
  return { size, params: listParams(name, values, size) };
}
