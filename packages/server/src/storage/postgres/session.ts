import type pg from 'pg';
import type { Clock } from '../../ground/clock.ts';
import { at } from '../../ground/present.ts';

const oldestServer = 14;
/**
 * A node does not start when its clock differs from the database server's by more than this, because deadlines would
 * not hold.
 */
const clockToleranceMs = 1_000;

/** How long one statement may take, and how long a transaction may stay idle. 0 means no limit. */
interface SessionLimits {
  readonly statementMs: number;
  readonly idleInTransactionMs: number;
}

/** This server only accepts reads. Another server of the address may accept writes. */
export class NotPrimary extends Error {
  override readonly name = 'NotPrimary';
  constructor() {
    super('this server is a standby and takes no writes');
  }
}

/**
 * Sets what our statements rely on, whatever the defaults of the database or the role are. It uses a statement, because
 * a pooler refuses most parameters at connection start.
 *
 * @param wantsPrimary whether to refuse a standby.
 * @throws NotPrimary when the server is a standby and `wantsPrimary` is true.
 */
export async function beginSession(
  client: Pick<pg.ClientBase, 'query'>,
  { statementMs, idleInTransactionMs }: SessionLimits,
  wantsPrimary = false,
): Promise<void> {
  const settings = {
    statement_timeout: statementMs,
    idle_in_transaction_session_timeout: idleInTransactionMs,
    lock_timeout: 0,
    idle_session_timeout: 0,
    // Exists since PostgreSQL 17.
    transaction_timeout: 0,
    default_transaction_isolation: 'read committed',
    default_transaction_read_only: 'off',
    default_transaction_deferrable: 'off',
  };
  const { rows } = await client.query<{ standby: boolean }>(
    `select pg_is_in_recovery() as standby,
            (select count(set_config(wanted.key, wanted.value, false))
             from json_each_text($1) as wanted where current_setting(wanted.key, true) is not null) as settled,
            -- A reply is sent only when its commit is on disk. A stricter setting of the operator (remote_apply) is
            -- kept.
            case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', false) end`,
    [JSON.stringify(settings)],
  );
  if (wantsPrimary && at(rows, 0).standby) throw new NotPrimary();
}

/**
 * Checks the requirements that a session cannot set: version, encoding, clock, no pooler in transaction mode.
 *
 * @throws Error that says what is wrong and what to do.
 */
export async function checkPreconditions(pool: pg.Pool, clock: Clock | undefined): Promise<void> {
  const before = clock?.now() ?? 0;
  const { rows } = await pool.query<{ version: number; encoding: string; name: string; now: number }>(
    `select current_setting('server_version_num')::int as version,
            current_setting('server_encoding') as encoding,
            current_database() as name,
            (extract(epoch from clock_timestamp()) * 1000)::bigint as now`,
  );
  const after = clock?.now() ?? Infinity;
  const { version, encoding, name, now } = at(rows, 0);
  if (version < oldestServer * 10_000) throw new Error(`it is too old: PostgreSQL ${oldestServer} or newer is needed`);
  if (encoding !== 'UTF8') {
    throw new Error(
      `the encoding of the database is ${encoding}, but must be UTF8: create database "${name}" encoding 'UTF8' template template0`,
    );
  }
  const offMs = now < before ? before - now : now > after ? now - after : 0;
  if (offMs > clockToleranceMs) {
    throw new Error(
      `the clocks of this machine and of the database server differ by ${Math.round(offMs / 100) / 10} s; set both by NTP, then start again`,
    );
  }
  await refusePooledTransactions(pool);
}

/**
 * A pooler in transaction mode may run each transaction of a connection on another session, so settings, prepared
 * statements, locks and LISTEN are lost. Detects it: one connection keeps a transaction open, and the other connection
 * must still have its own session.
 */
async function refusePooledTransactions(pool: pg.Pool): Promise<void> {
  const [one, other] = [await pool.connect(), await pool.connect()];
  const session = async (client: pg.PoolClient) =>
    at((await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows, 0).pid;
  try {
    const first = await session(one);
    await other.query('begin');
    const held = await session(other);
    const second = await session(one);
    await other.query('rollback');
    if (first !== second || first === held) {
      throw new Error(
        'the address leads to a connection pooler in transaction mode; set the pooler to session mode (pool_mode = session), or connect to the server directly',
      );
    }
  } finally {
    one.release();
    other.release(true);
  }
}
