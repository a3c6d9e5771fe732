import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import type { SchemaDialect } from '../step-sql.ts';
import type { Schema } from '../schema.ts';
import { metOthers } from './failures.ts';
import { rebuildTable } from './rebuild.ts';
import { beginSession } from './session.ts';
import { textIndexTables } from './texts.ts';
import { types } from './types.ts';

/**
 * How long a schema step waits for a table lock before it releases its locks and starts again. Shorter than the
 * server's `deadlock_timeout`, so that in a deadlock the step gives way and not a node's transaction; and short for the
 * transactions that queue behind the step.
 */
const tableWaitMs = 250;
/** How long a step repeats that before it fails. */
const tableWaitsMs = 60_000;
/** The advisory lock for migrations. Any fixed number will do. */
const migrationLock = 7_462_466_951;

const ddl: SchemaDialect = {
  holdBack: async (db, tables) => {
    const names = sql.join(tables.map((name) => sql.table(name)));
    await sql`lock table ${names} in access exclusive mode`.execute(db);
  },
  rebuildTable,
  integer: 'bigint',
  real: 'double precision',
  id: 'text collate "C"',
  clustered: '',
  heap: '',
  textIndex: textIndexTables,
};

/** Runs schema steps on a separate session. Only one server at a time does so (`Database.migrate`). */
export async function migrateOn(
  url: string,
  work: (db: Kysely<Schema>, dialect: SchemaDialect) => Promise<void>,
): Promise<void> {
  // A separate connection without time limits: a step may take long, and so may the wait for another node's step.
  const client = new pg.Client({ connectionString: url, application_name: 'pinchwork migration', types });
  client.on('error', () => undefined);
  await client.connect();
  await beginSession(client, { statementMs: 0, idleInTransactionMs: 0 });
  // Kysely's driver needs a pool. This one always returns the connection that holds the lock.
  const pool = {
    connect: async () => Object.assign(client, { release: () => undefined }),
    end: async () => undefined,
  };
  // Kysely uses no other parts of a pool.
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: pool as unknown as pg.Pool }) });
  try {
    await sql`select pg_advisory_lock(${sql.lit(migrationLock)})`.execute(db);
    await sql`set lock_timeout = ${sql.lit(tableWaitMs)}`.execute(db);
    const giveUpAt = performance.now() + tableWaitsMs;
    for (;;) {
      try {
        await work(db, ddl);
        return;
      } catch (error) {
        if (!metOthers(error) || performance.now() > giveUpAt) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 * tableWaitMs));
    }
  } finally {
    // Ending the session releases the lock.
    await client.end();
  }
}
