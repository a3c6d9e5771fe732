import BetterSqlite, { type Database as Connection } from 'better-sqlite3';

/** The row of `meta` that says where the market of this file has gone. */
const key = 'moved_to';

/** Notes in a data file that its market goes on elsewhere. */
export function markMoved(path: string, location: string): void {
  const connection = new BetterSqlite(path, { fileMustExist: true });
  try {
    connection.prepare('insert into meta (key, value) values (?, ?)').run(key, location);
  } finally {
    connection.close();
  }
}

/** @throws Error with a sentence for people when the market of this file goes on elsewhere. */
export function refuseIfMoved(connection: Connection, path: string): void {
  if (!hasMeta(connection)) return;
  const location = connection.prepare<[string], string>('select value from meta where key = ?').pluck().get(key);
  if (location === undefined) return;
  throw new Error(
    `The market in ${path} has moved to ${location}: set PINCHWORK_DATABASE_URL to that. To go back to this file all the same, save it by "pinchwork-server backup" and put that in its place by "pinchwork-server restore".`,
  );
}

/** Has the market of this file go on here. */
export function unmarkMoved(connection: Connection): void {
  if (hasMeta(connection)) connection.prepare('delete from meta where key = ?').run(key);
}

const hasMeta = (connection: Connection) =>
  connection.prepare("select 1 from sqlite_schema where type = 'table' and name = 'meta'").get() !== undefined;
