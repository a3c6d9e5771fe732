import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import semver from 'semver';
import type { Database } from './database.ts';
import * as tables from './migrations/0001_tables.ts';
import type { Schema } from './schema.ts';
import type { SchemaDialect } from './step-sql.ts';

export interface SchemaStep {
  readonly up: (db: Kysely<Schema>, dialect: SchemaDialect) => Promise<void>;
  /** The oldest program version that may use the schema as this step leaves it. */
  readonly oldestProgram: string;
}

/** All schema steps, in order. A step that has been released is never edited. */
export const steps: Readonly<Record<string, SchemaStep>> = {
  '0001_tables': { up: tables.up, oldestProgram: '0.2.0' },
};

/** Whether `names` are exactly the steps that this program knows, in order. */
export const sameSteps = (names: readonly string[]) => names.join() === Object.keys(steps).join();

/**
 * The tables that a node's transactions lock first, in the order of their locks (docs/architecture.md, "Locks on
 * PostgreSQL"). A schema step locks them in the same order. In another order it would deadlock with running
 * transactions: with `agents` before `tasks`, a step did not get its locks within 30 s beside eight busy clients.
 */
const gates = ['idempotency_keys', 'tasks', 'agents'] as const;

const oldestProgramKey = 'oldest_program';

/**
 * Applies the schema steps that are missing. Several nodes may call it at once: one migrates, and the others wait and
 * then find nothing to do. A schema from a newer program is left unchanged, and is used when it allows this version.
 *
 * @param known the steps that this program knows. Tests pass others, to act as an older or a newer program.
 * @throws Error with a message for people, when the schema needs a newer program than `programVersion`.
 */
export async function migrate(database: Database, programVersion: string, known = steps): Promise<void> {
  await database.migrate(async (db, dialect) => {
    const unknown = await unknownSteps(db, known);
    if (unknown.length > 0) {
      await refuseIfTooOld(db, programVersion);
      return;
    }
    const { error, results } = await new Migrator({
      db,
      provider: { getMigrations: async () => migrations(dialect, known) },
    }).migrateToLatest();
    if (error !== undefined) {
      const failed = results?.find(({ status }) => status === 'Error')?.migrationName;
      throw new Error(
        `The schema step ${failed ?? ''} failed: ${error instanceof Error ? error.message : 'for an unknown reason'}`,
        {
          cause: error,
        },
      );
    }
    await refuseIfTooOld(db, programVersion);
  });
}

function migrations(dialect: SchemaDialect, known: typeof steps): Record<string, Migration> {
  return Object.fromEntries(
    Object.entries(known).map(([name, { up, oldestProgram }], index) => [
      name,
      {
        up: async (db: Kysely<Schema>) => {
          // The first step creates these tables.
          if (index > 0) await dialect.holdBack(db, gates);
          await up(db, dialect);
          await db
            .insertInto('meta')
            .values({ key: oldestProgramKey, value: oldestProgram })
            .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: oldestProgram }))
            .execute();
        },
      },
    ]),
  );
}

/** The steps that were applied to this database and that this program does not know. */
async function unknownSteps(db: Kysely<Schema>, known: typeof steps): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === 'kysely_migration')) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  return rows.map(({ name }) => name).filter((name) => !(name in known));
}

async function refuseIfTooOld(db: Kysely<Schema>, programVersion: string): Promise<void> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', oldestProgramKey).executeTakeFirst();
  if (row !== undefined && semver.lt(programVersion, row.value)) {
    throw new Error(
      `This database needs Pinchwork ${row.value} or newer; this is ${programVersion}. Install the newer version and start again.`,
    );
  }
}
