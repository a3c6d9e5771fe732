import {
  type Compilable,
  type CompiledQuery,
  type Insertable,
  type InsertResult,
  type Kysely,
  type RawBuilder,
  type SelectQueryBuilder,
  sql,
  type SqlBool,
} from 'kysely';
import type { Schema } from './schema.ts';

export type SqlValue = string | number | null;
export type Params = Record<string, SqlValue>;

/** The tables that servers take their work from. */
type Lockable = 'tasks' | 'outbox' | 'webhook_endpoints' | 'search_progress';

/** Clauses that one engine has and the other does without. */
export interface EngineClauses {
  /** Leaves out the rows that another transaction holds, and holds those it takes. */
  skipLocked<T extends Lockable, O>(
    query: SelectQueryBuilder<Schema, T, O>,
    table: T,
  ): SelectQueryBuilder<Schema, T, O>;
  /** Waits for the rows it reads and holds them to the end of the transaction, as changing them would. */
  hold<T extends keyof Schema, O>(query: SelectQueryBuilder<Schema, T, O>): SelectQueryBuilder<Schema, T, O>;
  /** Whether a text is one of a JSON list: a list of any length is one parameter, and one statement. */
  isListed(column: string, json: string): RawBuilder<SqlBool>;
  /** Whether a text contains another, as it is. */
  contains(text: RawBuilder<unknown>, part: SqlValue): RawBuilder<boolean>;
  readonly textIndex: TextIndexClauses;
}

/** An index from trigrams (`trigrams.ts`) to the numbers of the documents that have them. */
export interface TextIndexClauses {
  /** Puts a document's folded text in. */
  add(p: { doc: number; folded: string }): RawBuilder<unknown>;
  remove(p: { doc: number }): RawBuilder<unknown>;
  /** A little of the work that the index puts off. */
  tidy(): RawBuilder<unknown>;
  /**
   * The documents behind `after`, up to `upto`, that have the trigrams of a folded text of at least three characters,
   * as rows of `doc` in their order: all that contain it are among them.
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
   * PostgreSQL may run a named statement by a plan that ignores the values. `true` has it planned anew on each call,
   * for the queries whose best plan depends on them.
   */
  readonly replan: boolean;
  /**
   * Why the statement may read or sort all rows that its conditions leave: what bounds them, in words. Undefined for a
   * statement that an index serves in its order, which is what the test of the plans asks of all others.
   */
  readonly bounded: string | undefined;
  compile(db: Kysely<Schema>, engine: EngineClauses): CompiledStatement;
  /** Carries the types only; never there at run time. */
  readonly types?: { params: P; row: R };
}

export interface CompiledStatement {
  readonly sql: string;
  /** The values for the placeholders, in their order. */
  bind(params: Params): SqlValue[];
}

class Placeholder {
  readonly name: string;
  /** Turns the parameter into what is bound; undefined where that is the parameter itself. */
  readonly derive: ((value: SqlValue) => SqlValue) | undefined;
  constructor(name: string, derive?: (value: SqlValue) => SqlValue) {
    this.name = name;
    this.derive = derive;
  }
}

/** What an engine makes of a parameter before it is bound. */
export function derived<T extends SqlValue>(param: T, derive: (value: T) => SqlValue): SqlValue {
  const { name } = param as unknown as Placeholder;
  return new Placeholder(name, derive as (value: SqlValue) => SqlValue) as unknown as SqlValue;
}

/** `replan` and `bounded` of `Prepared`. */
type QueryOptions = Partial<Pick<Prepared<never, never>, 'replan'>> & { readonly bounded?: string };

/**
 * Declares a query. `build` sees `params` as if they were values of their types; each use becomes a placeholder.
 * So a parameter can stand wherever Kysely takes a value, but can't be looked at.
 */
export function prepared<P extends Params, R>(
  name: string,
  build: (db: Kysely<Schema>, params: P, engine: EngineClauses) => Compilable<R>,
  { replan = false, bounded }: QueryOptions = {},
): Prepared<P, R> {
  const query: Prepared<P, R> = {
    name,
    replan,
    bounded,
    compile: (db, engine) => toStatement(build(db, placeholders(), engine).compile()),
  };
  declared.add(query as Prepared<never, unknown>);
  return query;
}

const declared = new Set<Prepared<never, unknown>>();

/** All queries that were declared so far, for the test of their plans. Those per shape are declared when first used. */
export const declaredQueries = (): ReadonlySet<Prepared<never, unknown>> => declared;

/**
 * Declares the query that counts the rows of another one, at most `limit` of them.
 *
 * @param rows the query without a limit; what it selects is not looked at.
 */
export function counting<P extends Params>(
  name: string,
  rows: (
    db: Kysely<Schema>,
    params: P & { limit: number },
    engine: EngineClauses,
  ) => SelectQueryBuilder<Schema, never, object>,
  options: Pick<QueryOptions, 'replan'> = {},
): Prepared<P & { limit: number }, { total: number }> {
  return prepared(
    name,
    (db, p: P & { limit: number }, engine) =>
      db.selectFrom(rows(db, p, engine).limit(p.limit).as('counted')).select(sql<number>`count(*)`.as('total')),
    options,
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

function placeholders<P extends Params>(): P {
  return new Proxy({} as P, { get: (_, name) => new Placeholder(String(name)) });
}

function toStatement(query: CompiledQuery): CompiledStatement {
  return { sql: query.sql, bind: binder(query.parameters as readonly (Placeholder | SqlValue)[]) };
}

/** What fills the placeholders of a statement. Sorted out once, since `bind` runs with each statement. */
function binder(slots: readonly (Placeholder | SqlValue)[]): CompiledStatement['bind'] {
  const names = slots.map((slot) => (slot instanceof Placeholder ? slot.name : undefined));
  const constants = slots.map((slot) => (slot instanceof Placeholder ? null : slot));
  const derivations = slots.map((slot) => (slot instanceof Placeholder ? slot.derive : undefined));
  return (params) => {
    const values = new Array<SqlValue>(names.length);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      const value = name === undefined ? constants[i] : params[name];
      if (value === undefined) throw new TypeError(`The query parameter "${name}" is missing`);
      const derive = derivations[i];
      values[i] = derive === undefined ? value : derive(value);
    }
    return values;
  };
}

/** The parameters of an `insertion`: the columns that it fills. */
type Row<T extends keyof Schema, C extends keyof Insertable<Schema[T]>> = { [K in C]: Insertable<Schema[T]>[K] };

/** Declares the insertion of a row: its parameters are the columns named, which must be all that have no default. */
export function insertion<T extends keyof Schema, C extends keyof Insertable<Schema[T]> & string>(
  table: T,
  ...columns: C[]
): Prepared<Row<T, C> & Params, InsertResult> {
  return prepared(`insert into ${table}`, (db, row: Row<T, C> & Params) =>
    db
      .insertInto(table)
      .values(Object.fromEntries(columns.map((column) => [column, row[column]])) as Insertable<Schema[T]>),
  );
}

/**
 * A condition of which PostgreSQL assumes that nearly all rows fulfil it. Where many conditions stand together it
 * multiplies what each might leave, comes to think that hardly a row of a table does, and reads the whole table first to
 * join it with the few rows that were to be looked up in it.
 */
export const fulfilled = (condition: RawBuilder<unknown>) =>
  sql<boolean>`(case when ${condition} then 1 end) is not null`;

/** One prepared query per shape (a number of tags, say), made when first asked for. The shapes must be few. */
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
 * A list as the parameters of a statement that has places for `size` of them: `id_0`, `id_1`, … One that is shorter
 * repeats its last value, so that few statements serve lists of any length; it must not be empty.
 */
export function listParams(name: string, values: readonly string[], size = values.length): Params {
  const params: Params = {};
  for (let i = 0; i < size; i++) params[`${name}_${i}`] = values[Math.min(i, values.length - 1)]!;
  return params;
}

/** The same list, while the statement is built. */
export const listed = (params: Params, name: string, size: number): string[] =>
  Array.from({ length: size }, (_, i) => params[`${name}_${i}`] as string);

/** A list as the parameters of the smallest of a few statements that has places for it. The largest must. */
export function fitted(
  sizes: readonly number[],
  name: string,
  values: readonly string[],
): { size: number; params: Params } {
  const size = sizes.find((each) => each >= values.length)!;
  return { size, params: listParams(name, values, size) };
}
