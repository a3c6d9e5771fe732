import type pg from 'pg';
import type { Clock } from '../../ground/clock.ts';

const oldestServer = 14;
/** A node whose clock is further off the database's than this does not start: deadlines would not hold. */
const clockToleranceMs = 1_000;

/** How long a statement of a session may take, and how long it may leave a transaction open. 0: as long as it likes. */
interface SessionLimits {
  readonly statementMs: number;
  readonly idleInTransactionMs: number;
}

/** This server only takes reads; another one of the address may take writes. */
export class NotPrimary extends Error {
  override readonly name = 'NotPrimary';
  constructor() {
    super('this server is a standby and takes no writes');
  }
}

/**
 * Settles what our statements rely on, whatever the database or the role has for a default. By a statement, because a
 * pooler refuses most parameters of a connection's start.
 *
 * @param wantsPrimary whether a standby will not do.
 * @throws NotPrimary
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
    // PostgreSQL 17 and newer.
    transaction_timeout: 0,
    default_transaction_isolation: 'read committed',
    default_transaction_read_only: 'off',
    default_transaction_deferrable: 'off',
  };
  const { rows } = await client.query<{ standby: boolean }>(
    `select pg_is_in_recovery() as standby,
            (select count(set_config(wanted.key, wanted.value, false))
             from json_each_text($1) as wanted where current_setting(wanted.key, true) is not null) as settled,
            -- What is answered is on disk. Whoever wants more (remote_apply) has it.
            case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', false) end`,
    [JSON.stringify(settings)],
  );
  if (wantsPrimary && rows[0]!.standby) throw new NotPrimary();
}

/**
 * Checks what no session can settle for itself.
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
  const { version, encoding, name, now } = rows[0]!;
  if (version < oldestServer * 10_000) throw new Error(`PostgreSQL ${oldestServer} or newer is needed`);
  if (encoding !== 'UTF8') {
    throw new Error(
      `the database is encoded as ${encoding}, and must be as UTF8: create database "${name}" encoding 'UTF8' template template0`,
    );
  }
  const offMs = now < before ? before - now : now > after ? now - after : 0;
  if (offMs > clockToleranceMs) {
    throw new Error(
      `this machine's clock is ${Math.round(offMs / 100) / 10} s off the database server's; set both by NTP, then start again`,
    );
  }
  await refusePooledTransactions(pool);
}

/**
 * A pooler in transaction mode gives a connection's next transaction to any session: settings, prepared statements, locks
 * and LISTEN get lost. While one connection keeps a transaction open, the other is asked whose session it has.
 */
async function refusePooledTransactions(pool: pg.Pool): Promise<void> {
  const [one, other] = [await pool.connect(), await pool.connect()];
  const session = async (client: pg.PoolClient) =>
    (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;
  try {
    const first = await session(one);
    await other.query('begin');
    const held = await session(other);
    const second = await session(one);
    await other.query('rollback');
    if (first !== second || first === held) {
      throw new Error(
        'a connection pooler in transaction mode is in between; set it to session mode (pool_mode = session), or connect to the server itself',
      );
    }
  } finally {
    one.release();
    other.release(true);
  }
}
