import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { expect, it } from 'vitest';
import { version } from '../../src/ground/version.ts';
import { migrate, type SchemaStep, steps } from '../../src/storage/migrate.ts';
import { tasksTable } from '../../src/storage/migrations/0001_tables/tasks.ts';
import { isPostgresUrl, openDatabase } from '../../src/storage/open.ts';
import { type StepSql, stepSql } from '../../src/storage/step-sql.ts';
import { makeBusy } from '../support/busy.ts';
import { onBothEngines } from '../support/engines.ts';
import { laterTasks } from '../support/later-step.ts';
import { Market, postTask } from '../support/market.ts';
import { readTables } from '../support/tables.ts';

/** Tables by name, each with its rows as sorted texts. */
async function contents(url: string): Promise<Record<string, string[]>> {
  const tables = Object.entries(await readTables(url)).filter(([name]) => !/^(kysely_|meta$|sqlite_)/.test(name));
  const sortedRow = (row: object) => JSON.stringify(Object.entries(row).sort());
  return Object.fromEntries(tables.map(([name, rows]) => [name, rows.map(sortedRow).sort()]));
}

const shapes = {
  SQLite: [`select name, sql from sqlite_schema where tbl_name = 'tasks' order by name`],
  PostgreSQL: [
    `select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'tasks'::regclass order by conname`,
    `select indexname, indexdef from pg_indexes where tablename = 'tasks' order by indexname`,
    `select attname, pg_get_expr(adbin, adrelid) from pg_attrdef join pg_attribute
       on attrelid = adrelid and attnum = adnum where adrelid = 'tasks'::regclass order by attname`,
  ],
};

onBothEngines('a table that a step rebuilds', (engine) => {
  const shapeOf = async (url: string) =>
    JSON.stringify(await Promise.all(shapes[engine.name].map((query) => engine.query(url, query))), null, 1)
      // SQLite writes the names of renamed tables in quotes.
      .replaceAll('\\"tasks\\"', 'tasks')
      .replaceAll('\\"tasks_rebuilt\\"', 'tasks');

  /** A closed market with all kinds of rows, after a later schema step has run. */
  async function fullMarket(up: (step: StepSql) => Promise<void>) {
    const url = await engine.marketUrl();
    const market = await Market.open(url);
    await makeBusy(market);
    await market.close();
    const before = await contents(url);
    const shape = await shapeOf(url);
    const later: SchemaStep = { oldestProgram: version, up: (db, dialect) => up(stepSql(db, dialect)) };
    const database = await openDatabase(url, { onError: () => undefined });
    const migrated = migrate(database, version, { ...steps, '9998_rebuild': later });
    const error = await migrated.then(
      () => undefined,
      (reason: unknown) => (reason as Error).message,
    );
    await database.close();
    return { url, before, shape, error };
  }

  it('keeps every row of a full database, its indexes and its foreign keys', async () => {
    const change = { generated: ['due_at'], indexes: ['tasks_open'] };
    const { url, before, shape, error } = await fullMarket((step) => step.rebuildTable(tasksTable(step), change));
    expect(error).toBeUndefined();
    expect(await contents(url)).toEqual(before);
    expect(await shapeOf(url)).toEqual(shape);
    await expect(insertTask(url, 'tk-orphan', 'posted', 'ag-nobody')).rejects.toThrow(/foreign key/i);
  });

  it('serves a market as before, with the checks, the generated columns and the indexes of the new definition', async () => {
    const { url, before, error } = await fullMarket((step) =>
      step.rebuildTable(laterTasks(step), { generated: ['due_at'], indexes: ['tasks_paused'] }),
    );
    expect(error).toBeUndefined();
    const { tasks: tasksBefore, ...othersBefore } = before;
    const { tasks, ...others } = await contents(url);
    expect(others).toEqual(othersBefore);
    expect(tasks).toHaveLength(tasksBefore!.length);

    const [{ id: poster }] = (await engine.query(url, 'select id from agents order by id limit 1')) as [{ id: string }];
    await insertTask(url, 'tk-paused', 'paused', poster);
    expect(await engine.query(url, `select cast(due_at as text) as due from tasks where id = 'tk-paused'`)).toEqual([
      { due: '9000000000000' },
    ]);
    await expect(insertTask(url, 'tk-odd', 'odd', poster)).rejects.toThrow(/check|constraint/i);
    expect(await shapeOf(url)).toContain('tasks_paused');
    await engine.vandalise(url, `delete from tasks where id = 'tk-paused'`);

    const market = await Market.open(url, { PINCHWORK_INITIAL_CREDITS: '100' });
    const [ada, bob] = [await market.register('Ada'), await market.register('Bob')];
    const id = await postTask(ada);
    for (const [agent, verb, body] of [
      [bob, 'pickup', {}],
      [bob, 'deliver', { result: 'Four' }],
      [ada, 'approve', {}],
    ] as const) {
      expect((await agent.post(`/v1/tasks/${id}/${verb}`, body)).status).toBe(200);
    }
  });

  it('is unchanged when the step fails', async () => {
    const { url, before, shape, error } = await fullMarket(async (step) => {
      await step.rebuildTable(laterTasks(step), { generated: ['due_at'], indexes: ['tasks_paused'] });
      throw new Error('no room');
    });
    expect(error).toBe('The schema step 9998_rebuild failed: no room');
    expect(await contents(url)).toEqual(before);
    expect(await shapeOf(url)).toEqual(shape);
  });
});

/** Inserts a task past the server, with foreign keys enforced. */
async function insertTask(url: string, id: string, status: string, poster: string): Promise<void> {
  const statement = `insert into tasks (id, poster_id, need, tags, max_credits, fee_ppm, version, status, created_at, expires_at)
    values ('${id}', '${poster}', 'Odd', '[]', 1, 0, 1, '${status}', 1, 9000000000000)`;
  if (isPostgresUrl(url)) {
    const client = new pg.Client(url);
    await client.connect();
    await client.query(statement).finally(() => client.end());
    return;
  }
  const connection = new BetterSqlite(url);
  try {
    connection.pragma('foreign_keys = ON');
    connection.exec(statement);
  } finally {
    connection.close();
  }
}
