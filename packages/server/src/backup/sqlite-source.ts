import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { lock } from '../storage/sqlite/file.ts';
import { markMoved, refuseIfMoved } from '../storage/sqlite/moved.ts';
import { openReadOnly } from './sqlite-snapshot.ts';
import { isMadeAnew, type Row, type Table } from './table.ts';

/** An embedded database that nobody works on, read from one end to the other. */
export interface SqliteSource {
  readonly path: string;
  /** Every table there is, whatever it is for. */
  readonly tables: readonly Table[];
  /** The names of the schema's steps that were taken, in their order. */
  readonly steps: readonly string[];
  countOf(table: Table): number;
  /** Its rows, one at a time. */
  rowsOf(table: Table): Iterable<Row>;
  /** Notes in it, when all is read, that its market goes on elsewhere. */
  markMoved(location: string): void;
  close(): void;
}

/**
 * Opens a data file for reading and holds it, so that no server starts on it meanwhile.
 *
 * @throws Error with a sentence for people when it is not there, or a server uses it.
 */
export function openSqliteSource(dataFile: string): SqliteSource {
  if (!existsSync(dataFile)) throw new Error(`There is no data file ${resolve(dataFile)} (PINCHWORK_DATABASE_URL).`);
  const path = realpathSync(dataFile);
  const release = lock(path);
  try {
    const connection = openReadOnly(path);
    refuseIfMoved(connection, path);
    // Anything but a plain table (a view, what an index of texts keeps for itself) is made by the schema's steps.
    const names = connection
      .prepare<[], string>(
        `select name from pragma_table_list where schema = 'main' and type = 'table' and name not like 'sqlite~_%' escape '~' order by name`,
      )
      .pluck()
      .all();
    // Hidden columns are those that the database derives.
    const columns = connection
      .prepare<[string], string>('select name from pragma_table_xinfo(?) where hidden = 0 order by name')
      .pluck();
    return {
      path,
      tables: names.filter((name) => !isMadeAnew(name)).map((name) => ({ name, columns: columns.all(name) })),
      steps: names.includes('kysely_migration')
        ? connection.prepare<[], string>('select name from kysely_migration order by name').pluck().all()
        : [],
      countOf: ({ name }) => connection.prepare<[], number>(`select count(*) from "${name}"`).pluck().get()!,
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
