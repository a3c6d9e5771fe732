import type { TaskStatus } from '@pinchwork/sdk/table';
import { type RawBuilder, sql, type SqlBool } from 'kysely';

/**
 * Whether a column holds one of these states. The states are literals in the statement, not parameters, because only
 * then does the planner see that a partial index covers the query.
 */
export function statusIn(column: string, statuses: readonly TaskStatus[]): RawBuilder<SqlBool> {
  const [only, ...more] = statuses.map((status) => sql.lit(status));
  if (only === undefined) throw new Error(`No state to compare ${column} with`);
  return more.length === 0
    ? sql<SqlBool>`${sql.ref(column)} = ${only}`
    : sql<SqlBool>`${sql.ref(column)} in (${sql.join([only, ...more])})`;
}
