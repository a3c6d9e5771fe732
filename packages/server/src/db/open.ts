import type { Database, OwnReader } from './database.ts';
import { openPostgres, type PostgresOptions } from './postgres.ts';
import { openSqlite, openSqliteReader } from './sqlite.ts';

export const isPostgresUrl = (url: string) => /^postgres(ql)?:\/\//.test(url);

/** Opens the engine that `PINCHWORK_DATABASE_URL` names. */
export async function openDatabase(url: string, options: PostgresOptions): Promise<Database> {
  return isPostgresUrl(url) ? openPostgres(url, options) : openSqlite({ path: url });
}

/** Opens the data for reading alone, also while a server is running on it. */
export async function openReader(url: string): Promise<OwnReader> {
  return isPostgresUrl(url) ? openPostgres(url, { onError: () => undefined }) : openSqliteReader(url);
}
