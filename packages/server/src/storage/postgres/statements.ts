import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from 'kysely';
import type { CompiledStatement, EngineClauses, Params, Prepared, SqlValue } from '../prepared.ts';
import type { Schema } from '../schema.ts';
import { textIndexClauses } from './texts.ts';

const clauses: EngineClauses = {
  skipLocked: (query, table) => query.forUpdate(table).skipLocked(),
  hold: (query) => query.forNoKeyUpdate(),
  // As an array: what is joined with a list of unknown length is read whole.
  isListed: (column, json) => sql`${sql.ref(column)} = any (array(select json_array_elements_text(${json}::json)))`,
  contains: (text, part) => sql<boolean>`strpos(${text}, ${part}) > 0`,
  textIndex: textIndexClauses,
};

const builder = new Kysely<Schema>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

/** The statement that a query is on PostgreSQL. */
export const compile = <P, R>(query: Prepared<P, R>): CompiledStatement => query.compile(builder, clauses);

/** Statements compiled for PostgreSQL; the server keeps a plan of each per connection, under its name. */
export class Statements {
  readonly #known = new Map<Prepared<never, never>, { name: string | undefined; compiled: CompiledStatement }>();

  config<P extends Params, R>(query: Prepared<P, R>, params: P): { name?: string; text: string; values: SqlValue[] } {
    const key = query as Prepared<never, never>;
    let known = this.#known.get(key);
    if (known === undefined) {
      const name = query.replan ? undefined : `${this.#known.size}_${query.name}`.slice(0, 63);
      known = { name, compiled: compile(query) };
      this.#known.set(key, known);
    }
    const statement = { text: known.compiled.sql, values: known.compiled.bind(params) };
    return known.name === undefined ? statement : { name: known.name, ...statement };
  }
}
