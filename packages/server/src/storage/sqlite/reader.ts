import { existsSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import { oneOf, type OwnReader, type Reader } from '../database.ts';
import { Rests } from './rests.ts';
import { Statements } from './statements.ts';
import { settled } from './tx.ts';

/**
 * Opens a data file read-only, also while a server uses it.
 *
 * @param readsLong whether to rest between statements when the log waits for it (`rests.ts`).
 */
export function openSqliteReader(path: string, { readsLong = false } = {}): OwnReader {
  if (!existsSync(path)) throw new Error(`There is no data file ${path} (PINCHWORK_DATABASE_URL)`);
  const connection = new BetterSqlite(path, { readonly: true, fileMustExist: true });
  const statements = new Statements(connection);
  const rests = readsLong ? new Rests(() => pagesInLog(connection)) : undefined;
  const first: Reader['first'] = async (query, params) => {
    await rests?.due();
    return settled(() => statements.first(query, params));
  };
  return {
    all: async (query, params) => {
      await rests?.due();
      return settled(() => statements.all(query, params));
    },
    first,
    one: (query, params) => oneOf({ first }, query, params),
    close: async () => void connection.close(),
  };
}

/** The number of pages in the write-ahead log since it last began anew. It takes 0.1 ms. */
function pagesInLog(connection: BetterSqlite.Database): number {
  // The row of this pragma, as SQLite documents it. `NOOP` only counts.
  const [counted] = connection.pragma('wal_checkpoint(NOOP)') as { log: number }[];
  return counted?.log ?? 0;
}
