import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite, { type Database as Connection } from 'better-sqlite3';
import audit, { atRest } from '../../packages/server/src/audit/audit.ts';
import { openSqliteReader } from '../../packages/server/src/storage/sqlite/reader.ts';
import { hourMs } from '../../packages/server/src/ground/clock.ts';
import type { Cleanup } from '../cleanup.ts';
import { Connection as HttpConnection } from '../http.ts';
import { prepareLanes, runLifecycle } from '../lifecycle.ts';
import { adminKey, startServerOn } from '../sides.ts';

/** Lifecycles that a server really carries out. A larger market has copies of them, with other ids. */
const realTasks = 10_000;
const lanes = 32;
/** Events of an older market would be removed while it is measured. */
const keptMs = 3 * 24 * hourMs;
/** The tables whose rows a lifecycle leaves for good, with those of its agents. */
const copied = [
  ...['agents', 'api_keys', 'accounts', 'event_cursors', 'key_spending', 'agent_tags', 'trust', 'earnings'],
  ...['texts_written', 'tasks', 'task_transitions', 'reviews', 'ledger_entries', 'events'],
];

/** A market with this many finished tasks, kept from an earlier run or made now. The audit finds no fault in it. */
export async function filledMarket(folder: string, tasks: number, cleanup: Cleanup): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const fresh = join(folder, `${tasks}.making`);
  for (const end of ['', '-wal', '-shm', '-lock']) rmSync(fresh + end, { force: true });
  const server = await startServerOn(fresh, cleanup);
  const path = join(folder, `${tasks}-${schemaOf(fresh)}.db`);
  if (existsSync(path) && Date.now() - statSync(path).mtimeMs < keptMs) {
    await server.stop();
    return path;
  }
  for (const name of readdirSync(folder)) if (name.startsWith(`${tasks}-`)) rmSync(join(folder, name));
  const startedAt = performance.now();
  await work(server.url, Math.min(tasks, realTasks));
  await server.stop();
  if (tasks > realTasks) multiply(fresh, Math.ceil(tasks / realTasks));
  const reader = openSqliteReader(fresh);
  const { broken, checked } = await audit(reader, atRest());
  await reader.close();
  if (broken.length > 0) throw new Error(`What was made breaks an invariant: ${JSON.stringify(broken[0])}`);
  renameSync(fresh, path);
  console.log(`  made ${checked.tasks} finished tasks in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
  return path;
}

/** A market made with another schema, or other tables, is of no use. */
function schemaOf(path: string): string {
  const connection = new BetterSqlite(path, { readonly: true });
  const text = connection.prepare<[], string>('select group_concat(sql) from sqlite_schema').pluck().get()!;
  connection.close();
  return createHash('sha256')
    .update(text + copied.join())
    .digest('hex')
    .slice(0, 12);
}

async function work(url: URL, tasks: number): Promise<void> {
  const all = await prepareLanes(url, lanes, adminKey);
  let left = tasks;
  await Promise.all(
    all.map(async (lane) => {
      const connection = await HttpConnection.open(url);
      while (left-- > 0) await runLifecycle(lane, (_verb, request) => connection.send(request));
      connection.close();
    }),
  );
}

/**
 * Adds `times` copies of the market, each with other agents and tasks. The first two digits of each id are the number of
 * the copy, so that its ids sort before those of the real market, as those of older tasks do.
 */
function multiply(path: string, times: number): void {
  const connection = new BetterSqlite(path);
  for (const pragma of ['journal_mode = OFF', 'synchronous = OFF', 'foreign_keys = OFF', 'cache_size = -1000000']) {
    connection.pragma(pragma);
  }
  const indexes = connection
    .prepare<[], { name: string; sql: string }>(
      `select name, sql from sqlite_schema where type = 'index' and sql <> '' and tbl_name in (${copied.map((name) => `'${name}'`).join()})`,
    )
    .all();
  connection.exec('begin');
  for (const { name } of indexes) connection.exec(`drop index ${name}`);
  for (const table of copied) copyRows(connection, table, times);
  for (const { sql } of indexes) connection.exec(sql);
  connection.exec('commit');
  connection.pragma('journal_mode = WAL');
  connection.close();
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const isId = "glob '[a-z][a-z]-????????????'";

function copyRows(connection: Connection, table: string, times: number): void {
  const columns = connection
    .prepare<[string], { name: string; pk: number }>('select name, pk from pragma_table_xinfo(?) where hidden = 0')
    .all(table);
  const digit = (number: string) => `substr('${alphabet}', ${number} + 1, 1)`;
  const values = columns.map(({ name }) =>
    connection.prepare(`select 1 from ${table} where ${name} ${isId} limit 1`).get() === undefined
      ? name
      : `case when ${name} ${isId} then substr(${name}, 1, 3) || ${digit('i / 62')} || ${digit('i % 62')} || substr(${name}, 6) else ${name} end`,
  );
  const key = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  const order = key.map(({ name }) => columns.findIndex((column) => column.name === name) + 1);
  // The platform's own agent and accounts are there once.
  const own = columns[0]!.name;
  const isOwn = ['agents', 'accounts', 'event_cursors'].includes(table) ? `where ${own} ${isId}` : '';
  connection.exec(`create temp table rows as select * from ${table} ${isOwn}`);
  connection.exec(`with recursive n (i) as (select 1 union all select i + 1 from n where i < ${times - 1})
    insert into ${table} (${columns.map(({ name }) => name).join()})
    select ${values.join()} from temp.rows, n order by ${order.join()}`);
  connection.exec('drop table temp.rows');
}
