import type { Database } from 'better-sqlite3';
import {
  type ApproveInput,
  type ClaimedRow,
  type CreateInput,
  type DeliverInput,
  type FloorStore,
  newId,
  serveFloor,
  type TaskRow,
} from './app.ts';
import { GroupCommit } from './group-commit.ts';
import { claimMinutes, expireMs, feeOf, feePpm, initialCredits, minuteMs, reviewMinutes } from './schema.ts';
import { openFile } from './sqlite-file.ts';

/**
 * The leanest server that still runs a market, on SQLite: the four verbs of a lifecycle as guarded updates of one
 * table, and a balance per agent. It keeps no history, events, ledger entries, escrow accounts, reviews, counts or
 * indexes, so it could show no board and explain no balance. It is durable. Each verb is atomic without a savepoint,
 * because only its first statement can fail to match a row.
 */
class LeanestStore implements FloorStore {
  readonly #connection: Database;
  readonly #batch: GroupCommit;
  readonly #sql: ReturnType<typeof prepareAll>;

  constructor(path: string) {
    this.#connection = openFile(path);
    this.#connection.exec(schema);
    this.#batch = new GroupCommit(this.#connection, { savepoints: false });
    this.#sql = prepareAll(this.#connection);
  }

  register(agentId: string, name: string, keyHash: string): Promise<void> {
    return this.#batch.run(() => void this.#sql.insertAgent.run(agentId, name, keyHash, initialCredits));
  }

  async ownerOf(keyHash: string): Promise<string | undefined> {
    return this.#sql.keyOwner.get(keyHash)?.id;
  }

  create(agentId: string, { need, context, max_credits: price = 50, tags = [] }: CreateInput): Promise<TaskRow> {
    const sql = this.#sql;
    return this.#batch.run(() => {
      const now = Date.now();
      if (sql.withdraw.run(price, agentId, price).changes === 0) throw new Error('Not enough credits');
      const task = {
        ...unset,
        id: newId('tk-'),
        poster_id: agentId,
        need,
        context: context ?? null,
        tags: JSON.stringify(tags),
        max_credits: price,
        created_at: now,
      };
      sql.insertTask.run(task.id, agentId, need, task.context, task.tags, price, now, now + expireMs);
      return task;
    });
  }

  pickup(agentId: string, taskId: string): Promise<ClaimedRow | undefined> {
    return this.#batch.run(() => {
      const now = Date.now();
      const task = this.#sql.claim.get(agentId, now, now, taskId, agentId, now);
      return task === undefined ? undefined : { ...task, rating_sum: 0, rating_count: 0 };
    });
  }

  deliver(agentId: string, taskId: string, { result, credits_claimed }: DeliverInput): Promise<TaskRow | undefined> {
    return this.#batch.run(() => {
      const now = Date.now();
      return this.#sql.deliver.get(result, credits_claimed ?? null, now, taskId, agentId, now);
    });
  }

  approve(agentId: string, taskId: string, _input: ApproveInput): Promise<TaskRow | undefined> {
    const sql = this.#sql;
    return this.#batch.run(() => {
      const task = sql.approve.get(taskId, agentId, Date.now());
      if (task === undefined) return undefined;
      const charged = task.credits_charged!;
      sql.deposit.run(charged - feeOf(charged), task.worker_id);
      if (charged < task.max_credits) sql.deposit.run(task.max_credits - charged, agentId);
      return task;
    });
  }

  async close(): Promise<void> {
    this.#connection.close();
  }
}

/** The fields that a new task does not have yet. */
const unset = {
  fee_ppm: feePpm,
  status: 'posted',
  version: 1,
  deadline_at: null,
  review_timeout_minutes: null,
  claim_timeout_minutes: null,
  claim_number: 0,
  worker_id: null,
  claim_deadline_at: null,
  result: null,
  credits_charged: null,
};

const schema = `
  create table agents (
    id text primary key,
    name text not null,
    key_hash text not null unique,
    balance integer not null check (balance >= 0)
  ) strict, without rowid;
  create table tasks (
    id text primary key,
    poster_id text not null,
    need text not null,
    context text,
    tags text not null,
    max_credits integer not null,
    status text not null,
    created_at integer not null,
    claim_number integer not null default 0,
    worker_id text,
    claim_deadline_at integer,
    result text,
    credits_charged integer,
    due_at integer
  ) strict;`;

function prepareAll(connection: Database) {
  const run = (sql: string) => connection.prepare(sql);
  const get = <P extends unknown[], Row>(sql: string) => connection.prepare<P, Row>(sql);
  const shown = `id, poster_id, need, context, tags, max_credits, status, created_at, claim_number, worker_id,
    claim_deadline_at, result, credits_charged, null as deadline_at, null as review_timeout_minutes,
    null as claim_timeout_minutes`;
  return {
    insertAgent: run('insert into agents (id, name, key_hash, balance) values (?, ?, ?, ?)'),
    keyOwner: get<[string], { id: string }>('select id from agents where key_hash = ?'),
    withdraw: run('update agents set balance = balance - ? where id = ? and balance >= ?'),
    deposit: run('update agents set balance = balance + ? where id = ?'),
    insertTask: run(
      `insert into tasks (id, poster_id, need, context, tags, max_credits, status, created_at, due_at)
        values (?, ?, ?, ?, ?, ?, 'posted', ?, ?)`,
    ),
    claim: get<[string, number, number, string, string, number], TaskRow>(
      `update tasks set status = 'claimed', worker_id = ?, claim_number = claim_number + 1,
          claim_deadline_at = ? + ${claimMinutes * minuteMs}, due_at = ? + ${claimMinutes * minuteMs}
        where id = ? and status = 'posted' and poster_id <> ? and due_at > ? returning ${shown}`,
    ),
    deliver: get<[string, number | null, number, string, string, number], TaskRow>(
      `update tasks set status = 'delivered', result = ?,
          credits_charged = min(coalesce(?, max_credits), max_credits), due_at = ? + ${reviewMinutes * minuteMs}
        where id = ? and status = 'claimed' and worker_id = ? and due_at > ? returning ${shown}`,
    ),
    approve: get<[string, string, number], TaskRow>(
      `update tasks set status = 'approved', due_at = null
        where id = ? and status = 'delivered' and poster_id = ? and due_at > ? returning ${shown}`,
    ),
  };
}

await serveFloor(new LeanestStore(process.env.FLOOR_DATABASE!));
