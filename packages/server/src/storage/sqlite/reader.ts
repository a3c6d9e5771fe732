import { existsSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import { oneOf, type OwnReader, type Reader } from '../database.ts';
import { Statements } from './statements.ts';
import { settled } from './tx.ts';

/** Opens a data file read-only, also while a server uses it. */
export function openSqliteReader(path: string): OwnReader {
  if (!existsSync(path)) throw new Error(`There is no data file ${path} (PINCHWORK_DATABASE_URL)`);
  const connection = new BetterSqlite(path, { readonly: true, fileMustExist: true });
  const statements = new Statements(connection);
  const first: Reader['first'] = (query, params) => settled(() => statements.first(query, params));
  return {
    all: (query, params) => settled(() => statements.all(query, params)),
    first,
    one: (query, params) => oneOf({ first }, query, params),
    close: async () => void connection.close(),
  };
}
