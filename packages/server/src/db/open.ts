import type { Clock } from '../clock.ts';
import type { Database } from './database.ts';
import { openPostgres } from './postgres.ts';
import { openSqlite } from './sqlite.ts';

export const isPostgresUrl = (url: string) => /^postgres(ql)?:\/\//.test(url);

/** Opens the engine that `PINCHWORK_DATABASE_URL` names. */
export async function openDatabase(url: string, clock: Clock, onError: (error: Error) => void): Promise<Database> {
  return isPostgresUrl(url) ? openPostgres(url, clock, onError) : openSqlite({ path: url });
}
