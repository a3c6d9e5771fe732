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
import {
  claimMinutes,
  expireMs,
  feePpm,
  floorSchema,
  initialCredits,
  type Leg,
  minuteMs,
  reviewMinutes,
  settlementOf,
} from './schema.ts';
import { openFile } from './sqlite-file.ts';

/** The floor on SQLite: hand-written synchronous SQL, prepared once, in group commits at the server's own settings. */
class SqliteFloor implements FloorStore {
  readonly #connection: Database;
  readonly #batch: GroupCommit;
  readonly #sql: ReturnType<typeof prepareAll>;

  constructor(path: string) {
    this.#connection = openFile(path);
    const dialect = { int: 'integer', id: 'text', clustered: 'strict, without rowid', heap: 'strict' };
    for (const statement of floorSchema(dialect)) this.#connection.exec(statement);
    this.#batch = new GroupCommit(this.#connection);
    this.#sql = prepareAll(this.#connection);
  }

  register(agentId: string, name: string, keyHash: string): Promise<void> {
    const sql = this.#sql;
    return this.#batch.run(() => {
      const now = Date.now();
      sql.insertAgent.run(agentId, name, now);
      sql.insertKey.run(keyHash, agentId);
      sql.openAccount.run(agentId, initialCredits);
      const bonus: Leg[] = [
        ['mint', -initialCredits, 'signup_bonus'],
        [agentId, initialCredits, 'signup_bonus'],
      ];
      this.#writeEntries(bonus, null, now);
    });
  }

  async ownerOf(keyHash: string): Promise<string | undefined> {
    return this.#sql.keyOwner.get(keyHash)?.agent_id;
  }

  create(agentId: string, { need, context, max_credits: price = 50, tags = [] }: CreateInput): Promise<TaskRow> {
    const sql = this.#sql;
    return this.#batch.run(() => {
      const now = Date.now();
      const id = newId('tk-');
      if (sql.withdraw.run(price, agentId, price).changes === 0) throw new Error('Not enough credits');
      const task = sql.insertTask.get(
        id,
        agentId,
        need,
        context ?? null,
        JSON.stringify(tags),
        price,
        now,
        now + expireMs,
      )!;
      sql.countPosted.run(agentId);
      sql.openAccount.run(id, price);
      const hold: Leg[] = [
        [agentId, -price, 'escrow'],
        [id, price, 'escrow'],
      ];
      this.#writeEntries(hold, id, now);
      sql.insertHistory.run(id, 1, null, 'posted', agentId, now);
      return task;
    });
  }

  pickup(agentId: string, taskId: string): Promise<ClaimedRow | undefined> {
    const sql = this.#sql;
    return this.#batch.run(() => {
      const now = Date.now();
      const task = sql.claim.get(agentId, now, now, taskId, agentId, now);
      if (task === undefined) return undefined;
      sql.insertHistory.run(taskId, task.version, 'posted', 'claimed', agentId, now);
      return { ...task, ...sql.ratings.get(task.poster_id)! };
    });
  }

  deliver(agentId: string, taskId: string, { result, credits_claimed }: DeliverInput): Promise<TaskRow | undefined> {
    const sql = this.#sql;
    return this.#batch.run(() => {
      const now = Date.now();
      const task = sql.deliver.get(result, credits_claimed ?? null, now, now, taskId, agentId, now);
      if (task === undefined) return undefined;
      sql.insertHistory.run(taskId, task.version, 'claimed', 'delivered', agentId, now);
      return task;
    });
  }

  approve(agentId: string, taskId: string, { rating, feedback }: ApproveInput): Promise<TaskRow | undefined> {
    const sql = this.#sql;
    return this.#batch.run(() => {
      const now = Date.now();
      const task = sql.approve.get(taskId, agentId, now);
      if (task === undefined) return undefined;
      if (rating !== undefined) {
        sql.insertReview.run(taskId, agentId, task.worker_id, rating, feedback ?? null, now);
      }
      sql.countCompleted.run(rating ?? 0, rating === undefined ? 0 : 1, task.worker_id);
      const legs = settlementOf(task);
      for (const [account, amount] of legs) {
        if (account !== 'fees' && amount > 0) sql.deposit.run(amount, account);
      }
      if (sql.withdraw.run(task.max_credits, taskId, task.max_credits).changes === 0) {
        throw new Error('The escrow is empty');
      }
      this.#writeEntries(legs, taskId, now);
      sql.insertHistory.run(taskId, task.version, 'delivered', 'approved', agentId, now);
      return task;
    });
  }

  /** All legs of a transfer in one statement. */
  #writeEntries(legs: readonly Leg[], taskId: string | null, now: number): void {
    const transferId = newId('le-');
    const values: unknown[] = [];
    for (const [account, amount, reason] of legs) values.push(transferId, account, amount, reason, taskId, now);
    this.#sql.insertEntries[legs.length]!.run(values);
  }

  async close(): Promise<void> {
    this.#connection.close();
  }
}

function prepareAll(connection: Database) {
  const run = (sql: string) => connection.prepare(sql);
  const get = <P extends unknown[], Row>(sql: string) => connection.prepare<P, Row>(sql);
  const entries = (count: number) =>
    run(`insert into ledger_entries (transfer_id, account_id, amount, reason, task_id, created_at)
      values ${Array.from({ length: count }, () => '(?, ?, ?, ?, ?, ?)').join(', ')}`);
  return {
    insertAgent: run('insert into agents (id, name, created_at) values (?, ?, ?)'),
    insertKey: run('insert into api_keys (key_hash, agent_id) values (?, ?)'),
    keyOwner: get<[string], { agent_id: string }>(
      `select api_keys.agent_id from api_keys join agents on agents.id = api_keys.agent_id
        where key_hash = ? and suspended_at is null`,
    ),
    ratings: get<[string], Pick<ClaimedRow, 'rating_sum' | 'rating_count'>>(
      'select rating_sum, rating_count from agents where id = ?',
    ),
    countPosted: run('update agents set tasks_posted = tasks_posted + 1 where id = ?'),
    countCompleted: run(
      `update agents set tasks_completed = tasks_completed + 1, rating_sum = rating_sum + ?,
        rating_count = rating_count + ? where id = ?`,
    ),
    openAccount: run('insert into accounts (id, balance) values (?, ?)'),
    withdraw: run('update accounts set balance = balance - ? where id = ? and balance >= ?'),
    deposit: run('update accounts set balance = balance + ? where id = ?'),
    insertEntries: [0, 1, 2, 3, 4].map((count) => (count < 2 ? undefined : entries(count))),
    insertHistory: run(
      'insert into task_history (task_id, version, from_status, to_status, actor_id, at) values (?, ?, ?, ?, ?, ?)',
    ),
    insertReview: run(
      `insert into reviews (task_id, reviewer_id, reviewed_id, rating, feedback, created_at)
        values (?, ?, ?, ?, ?, ?)`,
    ),
    insertTask: get<[string, string, string, string | null, string, number, number, number], TaskRow>(
      `insert into tasks (id, poster_id, need, context, tags, max_credits, fee_ppm, status, version, created_at, due_at)
        values (?, ?, ?, ?, ?, ?, ${feePpm}, 'posted', 1, ?, ?) returning *`,
    ),
    claim: get<[string, number, number, string, string, number], TaskRow>(
      `update tasks set status = 'claimed', version = version + 1, worker_id = ?, claim_number = claim_number + 1,
          claim_deadline_at = ? + coalesce(claim_timeout_minutes, ${claimMinutes}) * ${minuteMs},
          due_at = ? + coalesce(claim_timeout_minutes, ${claimMinutes}) * ${minuteMs}
        where id = ? and status = 'posted' and poster_id <> ? and due_at > ? returning *`,
    ),
    deliver: get<[string, number | null, number, number, string, string, number], TaskRow>(
      `update tasks set status = 'delivered', version = version + 1, result = ?,
          credits_charged = min(coalesce(?, max_credits), max_credits), delivered_at = ?,
          due_at = ? + coalesce(review_timeout_minutes, ${reviewMinutes}) * ${minuteMs}
        where id = ? and status = 'claimed' and worker_id = ? and due_at > ? returning *`,
    ),
    approve: get<[string, string, number], TaskRow>(
      `update tasks set status = 'approved', version = version + 1, due_at = null
        where id = ? and status = 'delivered' and poster_id = ? and due_at > ? returning *`,
    ),
  };
}

await serveFloor(new SqliteFloor(process.env.FLOOR_DATABASE!));
