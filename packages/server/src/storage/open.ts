import type { Database, OwnReader } from './database.ts';
import type { PostgresOptions } from './postgres/postgres.ts';

export const isPostgresUrl = (url: string) => /^postgres(ql)?:\/\//.test(url);

/** Opens the engine that `PINCHWORK_DATABASE_URL` names. The other engine is not loaded. */
export async function openDatabase(url: string, options: PostgresOptions): Promise<Database> {
  if (isPostgresUrl(url)) return (await import('./postgres/postgres.ts')).openPostgres(url, options);
  return (await import('./sqlite/sqlite.ts')).openSqlite({ path: url });
}

/** Opens the database read-only, also while a server uses it. */
export async function openReader(url: string): Promise<OwnReader> {
  if (isPostgresUrl(url)) return openDatabase(url, { onError: () => undefined });
  return (await import('./sqlite/reader.ts')).openSqliteReader(url);
}
