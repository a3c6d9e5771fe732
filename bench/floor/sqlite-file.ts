import BetterSqlite, { type Database } from 'better-sqlite3';

/** Opens a new data file with the settings of the server's own writer (`sqlite-file.ts` there). */
export function openFile(path: string): Database {
  const connection = new BetterSqlite(path);
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = FULL');
  connection.pragma('foreign_keys = ON');
  connection.pragma('cache_size = -65536');
  connection.pragma('temp_store = MEMORY');
  connection.pragma('wal_autocheckpoint = 4000');
  return connection;
}
