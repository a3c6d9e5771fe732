import { present } from '../ground/present.ts';
import type { Database } from '../storage/database.ts';
import { migrate, sameSteps } from '../storage/migrate.ts';
import { openPostgres } from '../storage/postgres/postgres.ts';
import { checkBooks, checkBooksOf } from './books.ts';
import { PostgresTarget } from './postgres-target.ts';
import { openSqliteSource, type SqliteSource } from './sqlite-source.ts';
import { sentence } from './sqlite-snapshot.ts';
import { Digest, portionsOf, type Table, type TableDigest } from './table.ts';

export interface Progress {
  readonly what: 'checking' | 'copying' | 'reading back';
  readonly table?: string;
  readonly rows: number;
  readonly of: number;
}

interface Moved {
  readonly from: string;
  readonly to: string;
  readonly tables: Readonly<Record<string, TableDigest>>;
}

/**
 * Copies the market in a data file to an empty PostgreSQL database: every table, in one transaction. It commits only
 * after all rows have been read back and are equal, table by table, and the audit has found nothing. The data file is
 * only read. At the end it is marked as moved, so that no server starts on it again. At most one portion of rows is in
 * memory at a time.
 *
 * @throws Error with a message for people. The target has no rows then, so the move can be tried again.
 */
export async function move(
  dataFile: string,
  to: string,
  { programVersion, onProgress }: { programVersion: string; onProgress: (progress: Progress) => void },
): Promise<Moved> {
  const source = openSqliteSource(dataFile);
  try {
    if (!sameSteps(source.steps)) {
      throw new Error(
        `The schema of ${source.path} is not the schema of Pinchwork ${programVersion}. First run "pinchwork-server migrate" in the version that will serve the market after the move.`,
      );
    }
    const target = await openPostgres(to, { onError: () => undefined, named: '--to' });
    try {
      await target.migrate((db) => refuseIfTaken(new PostgresTarget(db), source.tables, target.location));
      onProgress({ what: 'checking', rows: 0, of: 0 });
      await checkBooksOf(source.path);
      await migrate(target, programVersion);
      const tables = await copyWhole(source, target, onProgress);
      source.markMoved(target.location);
      return { from: source.path, to: target.location, tables };
    } finally {
      await target.close();
    }
  } finally {
    source.close();
  }
}

async function copyWhole(
  source: SqliteSource,
  target: Database,
  onProgress: (progress: Progress) => void,
): Promise<Moved['tables']> {
  let tables: Moved['tables'] = {};
  try {
    await target.migrate(async (db) => {
      tables = await db.transaction().execute(async (tx) => {
        const inside = new PostgresTarget(tx);
        const digests = await copy(source, inside, onProgress, target.location);
        await inside.analyze();
        onProgress({ what: 'checking', rows: 0, of: 0 });
        await checkBooks(inside.reader, 'the copy');
        return digests;
      });
    });
    return tables;
  } catch (error) {
    throw new Error(
      `${sentence(error)}\n${source.path} is unchanged, and the writes to the target were undone: try again. ` +
        'If the target is not empty then, the connection broke after the move was complete.',
      { cause: error },
    );
  }
}

async function copy(
  source: SqliteSource,
  target: PostgresTarget,
  onProgress: (progress: Progress) => void,
  location: string,
): Promise<Moved['tables']> {
  const tables = await target.tables();
  refuseIfDifferent(source.tables, tables);
  await target.hold(tables);
  // Checked again under the lock, because a server may have started on the target since the first check.
  await refuseIfTaken(target, source.tables, location);
  const restoreForeignKeys = await target.withoutForeignKeys();
  const written: Record<string, TableDigest> = {};
  for (const table of source.tables) {
    const of = source.countOf(table);
    const digest = new Digest();
    let rows = 0;
    // Rows that a new schema begins with (in `meta`) are replaced by those of the source.
    await target.clear(table);
    for (const portion of portionsOf(source.rowsOf(table))) {
      for (const row of portion) digest.add(row);
      await target.insert(table, portion);
      rows += portion.length;
      onProgress({ what: 'copying', table: table.name, rows, of });
    }
    written[table.name] = digest.end();
  }
  await restoreForeignKeys();
  for (const table of source.tables) {
    const { rows: of, checksum } = present(written[table.name], `The digest of ${table.name}`);
    let rows = 0;
    const read = await target.digestOf(table, (more) => {
      rows += more;
      onProgress({ what: 'reading back', table: table.name, rows, of });
    });
    if (read.rows !== of || read.checksum !== checksum) {
      throw new Error(
        `The copy of ${table.name} is not equal: it has ${read.rows} rows, and ${source.path} has ${of}, or rows differ.`,
      );
    }
  }
  return written;
}

const listed = ({ name, columns }: Table) => `${name} (${columns.join(', ')})`;

/** Both schemas come from the same steps. A table or column that is missing on one side must not be lost silently. */
function refuseIfDifferent(ours: readonly Table[], theirs: readonly Table[]): void {
  const known = new Set(theirs.map(listed));
  const odd = ours.find((table) => !known.has(listed(table)));
  if (odd !== undefined) throw new Error(`PostgreSQL has no table ${listed(odd)}; nothing was moved.`);
}

/**
 * Refuses a target that is not empty. Empty means: no tables, or those of an earlier attempt with only the rows that a
 * new schema begins with.
 */
async function refuseIfTaken(target: PostgresTarget, ours: readonly Table[], location: string): Promise<void> {
  const names = new Set(ours.map(({ name }) => name));
  for (const table of await target.tables()) {
    if (names.has(table.name) && (table.name === 'meta' || (await target.isEmpty(table)))) continue;
    throw new Error(
      `The target ${location} is not empty: it has a table ${table.name}${names.has(table.name) ? ' with rows' : ''}. Use a new database, or empty this one: psql --command="drop schema public cascade; create schema public"`,
    );
  }
}
