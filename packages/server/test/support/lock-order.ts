import { platformId } from '@pinchwork/sdk/table';
import { type Database, Tx } from '../../src/storage/database.ts';
import { compile } from '../../src/storage/postgres/statements.ts';
import type { CompiledStatement, Params, Prepared, SqlValue } from '../../src/storage/prepared.ts';
import type { Schema } from '../../src/storage/schema.ts';

/**
 * Checks that every transaction takes its row locks in the order of docs/architecture.md, "Locks on PostgreSQL". A wrong
 * order is a deadlock that PostgreSQL breaks and the engine retries, so no other test would see it. Each statement is
 * compiled for PostgreSQL and its text read, on SQLite too: the order belongs to the verbs, not to the engine.
 *
 * Not seen: the weak locks that foreign keys take on the rows they refer to, which only a deletion waits for.
 */

/** One lock: a table's place in the order, then the row's place among the rows of that table. */
type Step = readonly [rank: number, row: string];

/** The tables whose row locks transactions wait for, in lock order. */
export const ranks = [
  'idempotency_keys',
  'meta',
  'rate_windows',
  'texts_written',
  'search_progress',
  'market_progress',
  'outbox',
  'reports',
  'invites',
  'tasks',
  'matches',
  'dealings',
  'trust',
  'agents',
  'word_counts',
  'purse',
  'system_spending',
  'accounts',
  'event_cursors',
  'webhook_hosts',
] as const satisfies readonly (keyof Schema | 'purse')[];

/** The key column of each table. */
const keyColumns: Partial<Record<keyof Schema, string>> = {
  idempotency_keys: 'key',
  rate_windows: 'key',
  texts_written: 'agent_id',
  outbox: 'id',
  reports: 'id',
  invites: 'id',
  tasks: 'id',
  // All of a task's matches are locked at once, or one after the other under their task.
  matches: 'task_id',
  trust: 'truster_id',
  agents: 'id',
  word_counts: 'word',
  accounts: 'id',
  event_cursors: 'agent_id',
  webhook_receivers: 'agent_id',
  webhook_hosts: 'host',
};

/**
 * Tables whose rows are changed only under the lock of another row, their owner: its table, and the column that names
 * it. A statement that changes such rows without naming the owner must come after a lock on some row of the owner's table.
 */
const owners: Readonly<Record<string, readonly [owner: keyof Schema, column: string] | undefined>> = {
  agent_tags: ['agents', 'agent_id'],
  agent_words: ['agents', 'agent_id'],
  api_keys: ['agents', 'agent_id'],
  board_hints: ['tasks', 'task_id'],
  board_tags: ['tasks', 'task_id'],
  offer_tags: ['tasks', 'task_id'],
  earnings: ['agents', 'agent_id'],
  given_up: ['agents', 'agent_id'],
  events: ['event_cursors', 'agent_id'],
  key_spending: ['agents', 'agent_id'],
  market_hours: ['market_progress', 'one_row'],
  market_prices: ['market_progress', 'one_row'],
  messages: ['tasks', 'task_id'],
  questions: ['tasks', 'task_id'],
  rejected_deliveries: ['tasks', 'task_id'],
  disputes: ['tasks', 'task_id'],
  dispute_seats: ['tasks', 'disputed_id'],
  reviews: ['tasks', 'task_id'],
  search_texts: ['search_progress', 'one_row'],
  search_trigrams: ['search_progress', 'one_row'],
  stuck_timers: ['tasks', 'task_id'],
  system_tasks_posted: ['tasks', 'task_id'],
  task_terms: ['tasks', 'task_id'],
  text_retention: ['tasks', 'task_id'],
  told_texts: ['tasks', 'task_id'],
  webhook_deliveries: ['webhook_receivers', 'agent_id'],
  webhook_requests: ['webhook_hosts', 'host'],
  push_configs: ['tasks', 'task_id'],
};

/**
 * Statements that change owned rows without the owner's lock, by name, with the reason why none is needed. Those that
 * are `alone` must run while their transaction holds no other lock, so that nobody can wait for it in a ring.
 */
const withoutOwner: Readonly<Record<string, { readonly reason: string; readonly alone: boolean }>> = {
  setAside: { reason: 'it changes one row, in a transaction of its own', alone: true },
  noteUnfit: { reason: 'it changes one row, in a transaction of its own', alone: true },
  noteUse: { reason: 'it changes one row, in a transaction of its own', alone: true },
  'delete api_keys': { reason: 'keys that have ended: no transaction changes two of them', alone: true },
  'delete key_spending': { reason: 'rows that no budget counts any more: they are only added', alone: true },
  'delete webhook_deliveries': { reason: 'deliveries that have ended: sending one again changes one row', alone: true },
  'delete system_tasks_posted': { reason: 'tasks that nobody can claim any more', alone: true },
  'delete market_hours': { reason: 'hours that nothing is added to any more', alone: true },
  'delete market_prices': { reason: 'prices of a year ago, which are never changed', alone: true },
  'delete given_up': { reason: 'rows of the last day but one, which no transaction changes', alone: true },
  'delete webhook_requests': { reason: 'counts of seconds that have passed', alone: true },
  holdPush: { reason: 'the pusher holds one row, and waits then only for hosts', alone: true },
  keepPush: { reason: 'the pusher has locked this row with `holdPush`', alone: false },
  deletePush: { reason: 'the pusher has locked this row with `holdPush`', alone: false },
  endPushLeases: { reason: 'the only server, before it serves any', alone: true },
  freePushes: {
    reason: 'rows that wait for hours: whoever changes one holds it briefly and waits for none',
    alone: true,
  },
  deletePushesOf: {
    reason: 'an agent that is deleted has no open task, whose transitions would lock them',
    alone: false,
  },
  'delete push_configs': { reason: 'those of ended tasks, which no transition locks', alone: true },
  deleteEvents: { reason: 'events are only added; agents are taken in the order of their ids', alone: true },
  lookAgainAtTexts: { reason: 'it changes one row, in a transaction of its own', alone: true },
  leaveTextRetention: { reason: 'nothing locks this row after its task', alone: false },
  setEventData: { reason: 'in the order of agents and numbers, as the deletions of events are', alone: false },
  setDeliveryData: { reason: 'in the order of agents and numbers; a delivery changes one row at a time', alone: false },
};

/**
 * Statements that add a row unless it is there, by name, with the reason why their order does not matter. In general such
 * a statement waits for a transaction that is just adding the same row, as if it locked that row.
 */
const addedOnce: Readonly<Record<string, string>> = {
  ensurePlatform: 'the row of the platform is added once, in the first transaction that needs it',
  reviewOnce: 'whoever adds the same review holds no other lock before it',
  reportOnce: 'reports of a task are added under the lock of the task',
};

/** The platform's own tasks, which are locked before those that they are about. */
const platformTasks = new Set<string>();

function stepOf(table: keyof Schema, row: string): Step | undefined {
  if (table === 'agents' && row === platformId) return [ranks.indexOf('purse'), row];
  if (table === 'tasks' && row !== '') return [ranks.indexOf('tasks'), `${platformTasks.has(row) ? 0 : 1}${row}`];
  // An agent's receiver comes right after its cursor.
  if (table === 'event_cursors' && row !== '') return [ranks.indexOf('event_cursors'), `${row}/0`];
  if (table === 'webhook_receivers') return [ranks.indexOf('event_cursors'), `${row}/1`];
  const rank = (ranks as readonly string[]).indexOf(table);
  return rank < 0 ? undefined : [rank, row];
}

interface Statement {
  readonly table: keyof Schema;
  /** `waits` for rows that others hold, `skips` them, or makes rows that are `new`. */
  readonly how: 'waits' | 'skips' | 'new';
  /** The numbers of the parameters that say which rows. */
  readonly keys: readonly number[];
  /** Whether the statement sorts the rows that it locks. */
  readonly sorts: boolean;
  readonly bind: CompiledStatement['bind'];
}

const known = new Map<Prepared<never, never>, Statement | undefined>();

function statementOf<P extends Params, R>(query: Prepared<P, R>): Statement | undefined {
  const key = query as Prepared<never, never>;
  if (!known.has(key)) known.set(key, read(query.name, compile(query)));
  return known.get(key);
}

function read(name: string, { sql, bind }: CompiledStatement): Statement | undefined {
  const text = sql.replaceAll('"', '').replaceAll(/\s+/g, ' ').trim();
  const changed = /^(?:with .*\) )?(update|delete from|insert into) (\w+)/.exec(text);
  const isHeld = / for (no key )?update/.test(text);
  if (changed === null && !isHeld) return undefined;
  const table = (changed?.[2] ?? / from (\w+)/.exec(text)?.[1]) as keyof Schema;
  const isInsert = changed?.[1] === 'insert into';
  const how = text.includes('skip locked')
    ? 'skips'
    : isInsert && (!text.includes('on conflict') || name in addedOnce)
      ? 'new'
      : 'waits';
  const column = keyColumns[table] ?? owners[table]?.[1];
  const keys = column === undefined ? [] : isInsert ? insertedKeys(text, column) : namedKeys(text, column);
  return { table, how, keys, sorts: new RegExp(` order by ${column}\\b`).test(text), bind };
}

function insertedKeys(text: string, column: string): number[] {
  const [, columns = '', values = ''] = /\(([^)]*)\) values (.*)/.exec(text) ?? [];
  const at = columns.split(', ').indexOf(column);
  return [...values.matchAll(/\(((?:\$\d+|[^()]|\([^()]*\))*)\)/g)].flatMap(([, row = '']) => {
    const value = /^\$(\d+)$/.exec(row.split(', ')[at] ?? '');
    return value === null ? [] : [Number(value[1])];
  });
}

function namedKeys(text: string, column: string): number[] {
  const outer = outermost(text);
  const where = outer.slice(outer.indexOf(' where '));
  const named = new RegExp(`[ (.]${column} (?:= (\\$\\d+)|in \\((\\$[^)]*)\\))`).exec(where);
  return [...(named?.[1] ?? named?.[2] ?? '').matchAll(/\$(\d+)/g)].map(([, number]) => Number(number));
}

/** The statement without its subqueries. */
function outermost(text: string): string {
  let outer = text;
  for (let before = ''; before !== outer;) {
    before = outer;
    outer = outer.replaceAll(/(?<! in )\((?!\$)[^()]*\)/g, '…');
  }
  return outer;
}

/** The faults found since this list was last emptied. */
export const lockOrderFaults: string[] = [];

class WatchedTx extends Tx {
  readonly #tx: Tx;
  readonly #verb: string;
  /** The rows that are locked, or that this transaction has made. */
  readonly #held = new Set<string>();
  /** Their tables. */
  readonly #tables = new Set<string>();
  #last: Step = [-1, ''];
  #path: string[] = [];

  constructor(tx: Tx, verb: string) {
    super();
    this.#tx = tx;
    this.#verb = verb;
  }

  async all<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R[]> {
    const unnamed = this.#note(query, params);
    const rows = await this.#tx.all(query, params);
    if (unnamed !== undefined) this.#noteRows(unnamed, rows);
    return rows;
  }

  async first<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<R | undefined> {
    const unnamed = this.#note(query, params);
    const row = await this.#tx.first(query, params);
    if (unnamed !== undefined && row !== undefined) this.#noteRows(unnamed, [row]);
    return row;
  }

  run<P extends Params, R>(query: Prepared<P, R>, params: P): Promise<number> {
    this.#note(query, params);
    return this.#tx.run(query, params);
  }

  send<P extends Params, R>(query: Prepared<P, R>, params: P): void {
    this.#note(query, params);
    this.#tx.send(query, params);
  }

  override mustChange<P extends Params, R>(
    query: Prepared<P, R>,
    params: P,
    refusal: () => Error | Promise<Error>,
  ): void {
    this.#note(query, params);
    this.#tx.mustChange(query, params, refusal);
  }

  override afterCommit(wake: () => void): void {
    this.#tx.afterCommit(wake);
  }

  override signal(id: string): void {
    this.#tx.signal(id);
  }

  /** @returns the statement, if only its outcome says which rows it locks. */
  #note<P extends Params, R>(query: Prepared<P, R>, params: P): Statement | undefined {
    const statement = statementOf(query);
    if (statement === undefined) return undefined;
    const { table, how, keys, sorts, bind } = statement;
    if (table === 'tasks' && 'kind' in params && params.kind !== 'work') platformTasks.add(String(params.id));
    const values: (SqlValue | undefined)[] = bind(params);
    const rows = keys.map((number) => String(values[number - 1]));
    const owner = owners[table];
    if (owner !== undefined) {
      if (how === 'waits') this.#expectOwner(query.name, table, owner[0], rows);
      return undefined;
    }
    if (sorts) rows.sort();
    for (const row of rows) this.#take(query.name, table, how, row);
    if (rows.length > 0) return undefined;
    if (how === 'waits') this.#take(query.name, table, how, '');
    return statement;
  }

  /** Complains unless the owners of the changed rows are locked. */
  #expectOwner(name: string, table: string, owner: string, ids: readonly string[]): void {
    const isLocked = ids.length > 0 ? ids.every((id) => this.#held.has(`${owner} ${id}`)) : this.#tables.has(owner);
    const exception = withoutOwner[name];
    if (isLocked || (exception !== undefined && (!exception.alone || this.#held.size === 0))) return;
    this.#complain(`changes ${table} (${name}) without the lock of its owner in ${owner} ${ids.join(', ')}`);
  }

  #noteRows({ table }: Statement, rows: readonly unknown[]): void {
    if (rows.length > 0) this.#tables.add(table);
    const column = keyColumns[table];
    if (column === undefined) return;
    for (const row of rows) {
      const id = (row as Record<string, unknown>)[column];
      if (typeof id === 'string') this.#hold(table, id);
    }
  }

  #hold(table: keyof Schema, row: string): void {
    this.#tables.add(table);
    this.#held.add(`${table} ${row}`);
    const step = stepOf(table, row);
    if (step !== undefined && isBehind(step, this.#last)) this.#last = step;
  }

  #take(name: string, table: keyof Schema, how: Statement['how'], row: string): void {
    this.#tables.add(table);
    if (this.#held.has(`${table} ${row}`)) return;
    this.#path.push(`${table} ${row} (${name})`);
    const step = stepOf(table, row);
    if (how === 'new') {
      this.#held.add(`${table} ${row}`);
      return;
    }
    if (how === 'waits') {
      if (step === undefined) this.#complain(`"${table}" has no place in the order of locks`);
      else if (!isBehind(step, this.#last)) this.#complain(`locks ${table} ${row} too late`);
    }
    if (row !== '') this.#hold(table, row);
    else if (step !== undefined && isBehind(step, this.#last)) this.#last = step;
  }

  #complain(fault: string): void {
    const text = `The transaction "${this.#verb}" ${fault}; in order: ${this.#path.join(', ')}`;
    lockOrderFaults.push(text);
  }
}

/** Whether a lock comes after, or on the same row as, the one before. */
const isBehind = ([rank, row]: Step, [lastRank, lastRow]: Step) =>
  rank > lastRank || (rank === lastRank && (row === '' || row >= lastRow));

/** Checks every transaction of this database. */
export function watchLocks(db: Database): void {
  const { transact } = db;
  db.transact = (verb, work) => transact.call(db, verb, (tx) => work(new WatchedTx(tx, verb))) as never;
}
