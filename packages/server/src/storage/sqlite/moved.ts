import BetterSqlite, { type Database as Connection } from 'better-sqlite3';

/** The key in `meta` under which the new location of a moved market is stored. */
const key = 'moved_to';

/** Marks a data file: its market has moved to `location`. */
export function markMoved(path: string, location: string): void {
  const connection = new BetterSqlite(path, { fileMustExist: true });
  try {
    connection.prepare('insert into meta (key, value) values (?, ?)').run(key, location);
  } finally {
    connection.close();
  }
}

/** @throws Error with a message for people, when the market of this file has moved. */
export function refuseIfMoved(connection: Connection, path: string): void {
  if (!hasMeta(connection)) return;
  const location = connection.prepare<[string], string>('select value from meta where key = ?').pluck().get(key);
  if (location === undefined) return;
  throw new Error(
    `The market in ${path} has moved to ${location}: set PINCHWORK_DATABASE_URL to that. To use this file again nevertheless, save it with "pinchwork-server backup" and put the copy in its place with "pinchwork-server restore".`,
  );
}

/** Removes the mark, so that the market continues in this file. */
export function unmarkMoved(connection: Connection): void {
  if (hasMeta(connection)) connection.prepare('delete from meta where key = ?').run(key);
}

const hasMeta = (connection: Connection) =>
  connection.prepare("select 1 from sqlite_schema where type = 'table' and name = 'meta'").get() !== undefined;
