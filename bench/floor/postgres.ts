import pg from 'pg';
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
import { statements } from './postgres-sql.ts';
import { expireMs, floorSchema, initialCredits, type Leg, settlementOf } from './schema.ts';

/** The same number of connections as the server has. */
const connections = 16;

type Value = string | number | null;

/**
 * The floor on PostgreSQL: a pool, one transaction per request, hand-written SQL as named prepared statements, each
 * awaited before the next. Rows are locked in one order (task, agent, accounts by id), so it needs no retries.
 */
class PostgresFloor implements FloorStore {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** @param isFirst whether it creates the tables; later processes use the same ones. */
  static async open(connectionString: string, isFirst: boolean): Promise<PostgresFloor> {
    // Every whole number here fits a double exactly.
    pg.types.setTypeParser(pg.types.builtins.INT8, Number);
    const pool = new pg.Pool({ connectionString, max: connections });
    const dialect = { int: 'bigint', id: 'text collate "C"', clustered: '', heap: '' };
    if (isFirst) for (const statement of floorSchema(dialect)) await pool.query(statement);
    return new PostgresFloor(pool);
  }

  async #transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    try {
      await client.query('begin');
      const value = await work(new Transaction(client));
      await client.query('commit');
      return value;
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
  }

  register(agentId: string, name: string, keyHash: string): Promise<void> {
    return this.#transaction(async (tx) => {
      const now = Date.now();
      await tx.run('insertAgent', [agentId, name, now]);
      await tx.run('insertKey', [keyHash, agentId]);
      await tx.run('openAccount', [agentId, initialCredits]);
      const bonus: Leg[] = [
        ['mint', -initialCredits, 'signup_bonus'],
        [agentId, initialCredits, 'signup_bonus'],
      ];
      await tx.writeEntries(bonus, null, now);
    });
  }

  async ownerOf(keyHash: string): Promise<string | undefined> {
    const { rows } = await this.#pool.query<{ agent_id: string }>({
      name: 'keyOwner',
      text: statements.keyOwner,
      values: [keyHash],
    });
    return rows[0]?.agent_id;
  }

  create(agentId: string, { need, context, max_credits: price = 50, tags = [] }: CreateInput): Promise<TaskRow> {
    return this.#transaction(async (tx) => {
      const now = Date.now();
      const id = newId('tk-');
      const values = [id, agentId, need, context ?? null, JSON.stringify(tags), price, now, now + expireMs];
      const task = (await tx.first<TaskRow>('insertTask', values))!;
      await tx.run('countPosted', [agentId]);
      if ((await tx.run('withdraw', [price, agentId])) === 0) throw new Error('Not enough credits');
      await tx.run('openAccount', [id, price]);
      const hold: Leg[] = [
        [agentId, -price, 'escrow'],
        [id, price, 'escrow'],
      ];
      await tx.writeEntries(hold, id, now);
      await tx.run('insertHistory', [id, 1, null, 'posted', agentId, now]);
      return task;
    });
  }

  pickup(agentId: string, taskId: string): Promise<ClaimedRow | undefined> {
    return this.#transaction(async (tx) => {
      const now = Date.now();
      const task = await tx.first<ClaimedRow>('claim', [agentId, taskId, now]);
      if (task !== undefined) {
        await tx.run('insertHistory', [taskId, task.version, 'posted', 'claimed', agentId, now]);
      }
      return task;
    });
  }

  deliver(agentId: string, taskId: string, { result, credits_claimed }: DeliverInput): Promise<TaskRow | undefined> {
    return this.#transaction(async (tx) => {
      const now = Date.now();
      const task = await tx.first<TaskRow>('deliver', [result, credits_claimed ?? null, agentId, taskId, now]);
      if (task !== undefined) {
        await tx.run('insertHistory', [taskId, task.version, 'claimed', 'delivered', agentId, now]);
      }
      return task;
    });
  }

  approve(agentId: string, taskId: string, { rating, feedback }: ApproveInput): Promise<TaskRow | undefined> {
    return this.#transaction(async (tx) => {
      const now = Date.now();
      const task = await tx.first<TaskRow>('approve', [taskId, agentId, now]);
      if (task === undefined) return undefined;
      if (rating !== undefined) {
        await tx.run('insertReview', [taskId, agentId, task.worker_id, rating, feedback ?? null, now]);
      }
      await tx.run('countCompleted', [rating ?? 0, rating === undefined ? 0 : 1, task.worker_id]);
      const legs = settlementOf(task);
      const deposits = legs.filter(([account, amount]) => account !== 'fees' && amount > 0);
      for (const [account, amount] of deposits.sort(([a], [b]) => (a < b ? -1 : 1))) {
        await tx.run('deposit', [amount, account]);
      }
      if ((await tx.run('withdraw', [task.max_credits, taskId])) === 0) throw new Error('The escrow is empty');
      await tx.writeEntries(legs, taskId, now);
      await tx.run('insertHistory', [taskId, task.version, 'delivered', 'approved', agentId, now]);
      return task;
    });
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

class Transaction {
  readonly #client: pg.PoolClient;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  async run(name: keyof typeof statements, values: Value[]): Promise<number> {
    return (await this.#client.query({ name, text: statements[name], values })).rowCount ?? 0;
  }

  async first<Row extends object>(name: keyof typeof statements, values: Value[]): Promise<Row | undefined> {
    return (await this.#client.query<Row>({ name, text: statements[name], values })).rows[0];
  }

  /** All legs of a transfer in one statement. */
  async writeEntries(legs: readonly Leg[], taskId: string | null, now: number): Promise<void> {
    const transferId = newId('le-');
    const values = legs.flatMap(([account, amount, reason]) => [transferId, account, amount, reason, taskId, now]);
    await this.run(`insert${legs.length as 2 | 3 | 4}Entries`, values);
  }
}

await serveFloor(await PostgresFloor.open(process.env.FLOOR_DATABASE!, process.env.FLOOR_NODE === '0'));
