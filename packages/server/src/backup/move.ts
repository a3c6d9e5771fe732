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
 * Copies the market in a data file to an empty PostgreSQL database: every table, in one transaction that is committed
 * only when all that was written has been read back and is the same, table by table, and the audit finds nothing. The
 * data file is only read, and marked at the end, so that no server starts on it again. Holds a portion of rows in memory, never more.
 *
 * @throws Error with a sentence for people. The target's tables are empty then: the move can simply be tried again.
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
        `The schema of ${source.path} is not that of Pinchwork ${programVersion}. Run "pinchwork-server migrate" first, in the version that is to serve the market from then on.`,
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
      `${sentence(error)}\n${source.path} is as it was, and what was written to the target is undone: try again. ` +
        'Should the target then not be empty, the connection broke when all was done.',
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
  // Under the lock: a server may have come up on the target since the first look.
  await refuseIfTaken(target, source.tables, location);
  const restoreForeignKeys = await target.withoutForeignKeys();
  const written: Record<string, TableDigest> = {};
  for (const table of source.tables) {
    const of = source.countOf(table);
    const digest = new Digest();
    let rows = 0;
    // What a schema begins with (in `meta`) is the source's to say.
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
    const { rows: of, checksum } = written[table.name]!;
    let rows = 0;
    const read = await target.digestOf(table, (more) => {
      rows += more;
      onProgress({ what: 'reading back', table: table.name, rows, of });
    });
    if (read.rows !== of || read.checksum !== checksum) {
      throw new Error(`${table.name} has ${read.rows} rows in the copy and ${of} in ${source.path}, or they differ.`);
    }
  }
  return written;
}

const listed = ({ name, columns }: Table) => `${name} (${columns.join(', ')})`;

/** Both schemas are made by the same steps; a table or column that one of them lacks must not be lost in silence. */
function refuseIfDifferent(ours: readonly Table[], theirs: readonly Table[]): void {
  const known = new Set(theirs.map(listed));
  const odd = ours.find((table) => !known.has(listed(table)));
  if (odd !== undefined) throw new Error(`PostgreSQL has no table ${listed(odd)}; nothing was moved.`);
}

/** Empty is a database without tables, or with those of an earlier try, which hold nothing but what a schema begins with. */
async function refuseIfTaken(target: PostgresTarget, ours: readonly Table[], location: string): Promise<void> {
  const names = new Set(ours.map(({ name }) => name));
  for (const table of await target.tables()) {
    if (names.has(table.name) && (table.name === 'meta' || (await target.isEmpty(table)))) continue;
    throw new Error(
      `The target ${location} is not empty: there is a table ${table.name}${names.has(table.name) ? ' with rows in it' : ''}. Take a new database, or empty this one: psql --command="drop schema public cascade; create schema public"`,
    );
  }
}
