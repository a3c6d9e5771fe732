import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from 'kysely';
import { type CompiledStatement, compiler, type EngineClauses, type Prepared } from '../prepared.ts';
import type { Schema } from '../schema.ts';
import type { NamedStatement } from './packet.ts';
import { textIndexClauses } from './texts.ts';

const clauses: EngineClauses = {
  skipLocked: (query, table) => query.forUpdate(table).skipLocked(),
  hold: (query) => query.forNoKeyUpdate(),
  // An array, because PostgreSQL reads a whole table to join it with a list of unknown length.
  isListed: (column, json) => sql`${sql.ref(column)} = any (array(select json_array_elements_text(${json}::json)))`,
  contains: (text, part) => sql<boolean>`strpos(${text}, ${part}) > 0`,
  readsBack: false,
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

/** Compiles a query for PostgreSQL, once. */
export const compile = compiler(builder, clauses);

interface Known {
  readonly statement: NamedStatement;
  readonly compiled: CompiledStatement;
}

/** The statements compiled for PostgreSQL. The server caches a plan of each under its name, per connection. */
export class NamedStatements {
  readonly #known = new Map<Prepared<never, never>, Known>();

  get<P, R>(query: Prepared<P, R>): Known {
    // Found by identity: the types do not matter.
    const key = query as Prepared<never, never>;
    let known = this.#known.get(key);
    if (known === undefined) {
      const compiled = compile(query);
      const name = query.replan ? '' : `${this.#known.size}_${query.name}`.slice(0, 63);
      known = { statement: { name, text: compiled.sql }, compiled };
      this.#known.set(key, known);
    }
    return known;
  }
}
