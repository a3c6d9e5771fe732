import { type Kysely, sql } from 'kysely';
import type { Schema } from '../schema.ts';
import { stepSql } from '../step-sql.ts';
import { agentTables } from './0001_tables/agents.ts';
import { boardTables } from './0001_tables/board.ts';
import { disputeTables } from './0001_tables/disputes.ts';
import { eventTables } from './0001_tables/events.ts';
import { ledgerTables } from './0001_tables/ledger.ts';
import { marketTables } from './0001_tables/market.ts';
import { operationTables } from './0001_tables/operation.ts';
import { talkTables } from './0001_tables/talk.ts';
import { taskTables } from './0001_tables/tasks.ts';
import type { SchemaDialect } from '../step-sql.ts';

/** Creates all tables, with one file per subject. A table comes after the tables that it refers to. */
export async function up(db: Kysely<Schema>, dialect: SchemaDialect): Promise<void> {
  const step = stepSql(db, dialect);
  await step.run(sql`create table meta (key ${step.id} primary key, value text not null) ${step.clustered}`);
  await agentTables(step);
  await taskTables(step);
  await disputeTables(step);
  await boardTables(step);
  await ledgerTables(step);
  await eventTables(step);
  await talkTables(step);
  await operationTables(step);
  await marketTables(step);
}
