import type { Database } from './database.ts';
import { openPostgres, type PostgresOptions } from './postgres.ts';
import { openSqlite } from './sqlite.ts';

export const isPostgresUrl = (url: string) => /^postgres(ql)?:\/\//.test(url);

/** Opens the engine that `PINCHWORK_DATABASE_URL` names. */
export async function openDatabase(url: string, options: PostgresOptions): Promise<Database> {
  return isPostgresUrl(url) ? openPostgres(url, options) : openSqlite({ path: url });
}
