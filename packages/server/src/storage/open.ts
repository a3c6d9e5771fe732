import type { Database, OwnReader } from './database.ts';
import type { PostgresOptions } from './postgres/postgres.ts';
import type { ThreadSource } from './sqlite/threads.ts';

export interface DatabaseOptions extends PostgresOptions {
  /** Where the threads of the embedded database come from. For tests. */
  readonly threads?: ThreadSource | undefined;
}

export const isPostgresUrl = (url: string) => /^postgres(ql)?:\/\//.test(url);

/** Opens the engine that `PINCHWORK_DATABASE_URL` names. The other engine is not loaded. */
export async function openDatabase(url: string, { threads, ...options }: DatabaseOptions): Promise<Database> {
  if (isPostgresUrl(url)) return (await import('./postgres/postgres.ts')).openPostgres(url, options);
  return (await import('./sqlite/sqlite.ts')).openSqlite({ path: url, threads });
}

/** Opens the database read-only, also while a server uses it, for reading that takes long. */
export async function openReader(url: string): Promise<OwnReader> {
  if (isPostgresUrl(url)) return openDatabase(url, { onError: () => undefined });
  return (await import('./sqlite/reader.ts')).openSqliteReader(url, { readsLong: true });
}
