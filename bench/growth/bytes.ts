import BetterSqlite from 'better-sqlite3';
import { table } from '../report.ts';

/** Smaller tables and indexes are not listed. */
const leastBytes = 8;

/** The bytes of a finished lifecycle in each table and index that has some, with the sum of all. */
export function bytesReport(path: string, tasks: number): string {
  const connection = new BetterSqlite(path, { readonly: true });
  const rows = connection
    .prepare<[], { name: string; bytes: number; used: number }>(
      `select name, sum(pgsize) as bytes, sum(payload) as used from dbstat group by name order by bytes desc`,
    )
    .all();
  connection.close();
  const perTask = (bytes: number) => Math.round(bytes / tasks).toLocaleString('en-US');
  const sum = rows.reduce((all, { bytes }) => all + bytes, 0);
  return table([
    [`bytes a task, ${tasks.toLocaleString('en-US')} tasks`, 'on disk', 'content'],
    ...rows
      .filter(({ bytes }) => bytes >= leastBytes * tasks)
      .map(({ name, bytes, used }) => [name, perTask(bytes), perTask(used)]),
    ['all', perTask(sum), ''],
  ]);
}
