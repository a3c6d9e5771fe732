import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { present } from '../ground/present.ts';
import { lock } from '../storage/sqlite/file.ts';
import { markMoved, refuseIfMoved } from '../storage/sqlite/moved.ts';
import { openReadOnly } from './sqlite-snapshot.ts';
import { isMadeAnew, type Row, type Table } from './table.ts';

/** An embedded database that no server uses, opened to be read completely. */
export interface SqliteSource {
  readonly path: string;
  /** All tables with data. */
  readonly tables: readonly Table[];
  /** The names of the applied schema steps, in order. */
  readonly steps: readonly string[];
  countOf(table: Table): number;
  /** The rows of a table, one at a time. */
  rowsOf(table: Table): Iterable<Row>;
  /** Marks the data file as moved, after everything has been read. */
  markMoved(location: string): void;
  close(): void;
}

/**
 * Opens a data file for reading and locks it, so that no server starts on it meanwhile.
 *
 * @throws Error with a message for people, when the file does not exist or a server uses it.
 */
export function openSqliteSource(dataFile: string): SqliteSource {
  if (!existsSync(dataFile)) throw new Error(`There is no data file ${resolve(dataFile)} (PINCHWORK_DATABASE_URL).`);
  const path = realpathSync(dataFile);
  const release = lock(path);
  try {
    const connection = openReadOnly(path);
    refuseIfMoved(connection, path);
    // Only plain tables. Schema steps create everything else, such as views and the tables of a text index.
    const names = connection
      .prepare<[], string>(
        `select name from pragma_table_list where schema = 'main' and type = 'table' and name not like 'sqlite~_%' escape '~' order by name`,
      )
      .pluck()
      .all();
    // Hidden columns are generated columns.
    const columns = connection
      .prepare<[string], string>('select name from pragma_table_xinfo(?) where hidden = 0 order by name')
      .pluck();
    return {
      path,
      tables: names.filter((name) => !isMadeAnew(name)).map((name) => ({ name, columns: columns.all(name) })),
      steps: names.includes('kysely_migration')
        ? connection.prepare<[], string>('select name from kysely_migration order by name').pluck().all()
        : [],
      countOf: ({ name }) =>
        present(connection.prepare<[], number>(`select count(*) from "${name}"`).pluck().get(), `The count of ${name}`),
      rowsOf: ({ name, columns }) =>
        connection
          .prepare<[], Row>(`select ${columns.map((column) => `"${column}"`).join(', ')} from "${name}"`)
          .raw()
          .iterate(),
      markMoved: (location) => {
        connection.close();
        markMoved(path, location);
      },
      close: () => {
        connection.close();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}
