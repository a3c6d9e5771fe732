import {
  type CompiledQuery,
  createQueryId,
  type InsertQueryNode,
  type Kysely,
  type RootOperationNode,
  SelectQueryNode,
  type TableNode,
  type UpdateQueryNode,
} from 'kysely';
import type { Schema } from './schema.ts';

/**
 * Splits a statement with RETURNING in two: one that only changes or adds the row, and one that reads it by its primary
 * key.
 *
 * @param key the column of the key, and a placeholder for its value.
 * @throws Error when the statement is no update or insert of a table, or returns nothing.
 */
export function withoutReturning(
  db: Kysely<Schema>,
  { query }: CompiledQuery,
  { key, value }: { key: string; value: unknown },
): { change: CompiledQuery; read: CompiledQuery } {
  if (query.kind !== 'UpdateQueryNode' && query.kind !== 'InsertQueryNode')
    throw new Error(`A ${query.kind} has no key`);
  const { returning, ...change } = query;
  const table = tableOf(query);
  if (returning === undefined) throw new Error(`The statement on ${table} returns nothing`);
  // The names were checked by the types of the statement itself.
  const keyed = db.selectFrom(table as 'tasks').where(key as 'id', '=', value as string);
  const compile = (node: RootOperationNode) => db.getExecutor().compileQuery(node, createQueryId());
  return {
    change: compile(change),
    read: compile(SelectQueryNode.cloneWithSelections(keyed.toOperationNode(), returning.selections)),
  };
}

function tableOf({ kind, ...query }: UpdateQueryNode | InsertQueryNode): string {
  // Taken apart above, the node's kind no longer narrows the rest.
  const node = kind === 'UpdateQueryNode' ? (query as UpdateQueryNode).table : (query as InsertQueryNode).into;
  if (node?.kind !== 'TableNode') throw new Error(`A ${kind} without a table`);
  // Checked above.
  return (node as TableNode).table.identifier.name;
}
