import { type RawBuilder, sql, type SqlBool } from 'kysely';

type Literal = string | number;

/**
 * Whether a column holds one of these literals, for CHECK constraints and for the conditions of indexes. It is written
 * with `or`: for each `in (…)` there, SQLite builds a temporary table whenever it checks a row. With `in`, an update of
 * a task's state takes 19 µs, with `or` 5 µs.
 */
export const isOneOf = (column: string, values: readonly Literal[]): RawBuilder<SqlBool> =>
  compare(column, { operator: '=', values, joint: 'or' });

/**
 * Whether a column holds none of these literals, for the same places. A query that names one value, such as the state of
 * the board, does not match the condition of an index that is written so, and does not use that index by mistake.
 */
export const isNoneOf = (column: string, values: readonly Literal[]): RawBuilder<SqlBool> =>
  compare(column, { operator: '<>', values, joint: 'and' });

function compare(
  column: string,
  { operator, values, joint }: { operator: string; values: readonly Literal[]; joint: string },
): RawBuilder<SqlBool> {
  if (values.length === 0) throw new Error(`No value to compare ${column} with`);
  const comparisons = values.map((value) => sql`${sql.ref(column)} ${sql.raw(operator)} ${sql.lit(value)}`);
  return sql<SqlBool>`(${sql.join(comparisons, sql.raw(` ${joint} `))})`;
}
