import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Hosts } from './hosts.ts';
import { beginSession } from './session.ts';
import type { Signal, SignalListener, Signals } from '../database.ts';
import { at } from '../../ground/present.ts';
import { messageOf } from '../../ground/unknown-error.ts';

/** The channel on which all servers of a database listen. */
const channel = 'pinchwork';
/** The first number of the advisory locks that the servers hold while they listen. The second one is the server's. */
const presence = 0x70696e63;
/** A notification holds at most 8,000 bytes. 400 ids of 16 characters with commas, and the sender's name, fit. */
const idsPerNotification = 400;
/**
 * At most this many ids wait to be sent. When there are more, the other servers are told that anything may have
 * changed.
 */
const mostWaiting = 10_000;
const everything = '*';
/** The shortest time between two sends. Each send carries all ids that have arrived since the last one. */
const pauseMs = 10;
/**
 * How long a statement on this session may take (`timeoutMs`), and how often the session is probed (`probeMs`), because
 * a dead connection may report no error.
 */
const timeoutMs = 5_000;
const probeMs = 10_000;
/** The wait before the next attempt to connect: after the first failure, and at most after many. */
const retryMs = { first: 100, longest: 2_000 };

/**
 * Exchanges signals between servers by LISTEN and NOTIFY, over a separate session. A pooler in transaction mode must
 * not share that session. Signals are sent after the business transaction: inside it, NOTIFY takes a lock that all
 * commits wait for, and costs 2.7 times the throughput. While the session is broken, signals to and from this server
 * are dropped. After it reconnects, the listeners are told that they may have missed some.
 */
export class PostgresSignals implements Signals {
  readonly #hosts: Hosts;
  readonly #onError: (error: Error) => void;
  /** The name of this server in its notifications, which this server receives too and must ignore. */
  readonly #self = randomUUID().slice(0, 8);
  /** The number of this server among those that listen. */
  readonly #number = parseInt(this.#self, 16) & 0x7fffffff;
  readonly #waiting = new Set<string>();
  readonly #listeners: SignalListener[] = [];
  /** The latest session. It listens when `#ready` is true. */
  #session: pg.Client | undefined;
  #ready = false;
  #sending = false;
  #retryMs = retryMs.first;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param onError called for each session that broke. */
  constructor(hosts: Hosts, onError: (error: Error) => void) {
    this.#hosts = hosts;
    this.#onError = onError;
  }

  subscribe(listener: SignalListener): void {
    this.#listeners.push(listener);
  }

  connect(): void {
    if (this.#session === undefined && !this.#closed) void this.#open();
  }

  /**
   * Notifies the listeners of this server at once, and those of other servers after at most `pauseMs` and a round trip.
   */
  send(signals: ReadonlySet<Signal>): void {
    if (signals.size === 0) return;
    for (const listener of this.#listeners) listener.changed(signals);
    if (!this.#ready) return;
    const ids = [...signals].filter((signal) => typeof signal === 'string');
    if (ids.length === 0) return;
    if (this.#waiting.size + ids.length > mostWaiting) {
      this.#waiting.clear();
      this.#waiting.add(everything);
    } else if (!this.#waiting.has(everything)) {
      for (const id of ids) this.#waiting.add(id);
    }
    if (!this.#sending) void this.#flush();
  }

  /**
   * Counts the other servers that listen now. Their locks end with their sessions, also where a pooler keeps the
   * connections of a server that has gone.
   *
   * @param client any connection to the same database.
   */
  async countOthers(client: Pick<pg.ClientBase, 'query'>): Promise<number> {
    const { rows } = await client.query<{ count: number }>(
      `select count(distinct objid)::int as count from pg_locks
       where locktype = 'advisory' and granted and classid = $1 and objid <> $2 and objsubid = 2
         and database = (select oid from pg_database where datname = current_database())`,
      [presence, this.#number],
    );
    return at(rows, 0).count;
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  async #open(): Promise<void> {
    const { url } = this.#hosts;
    const session = new pg.Client({
      connectionString: url,
      application_name: 'pinchwork signals',
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
      keepAlive: true,
    });
    this.#session = session;
    session.on('notification', ({ payload }) => this.#hear(payload ?? ''));
    session.on('error', (error) => this.#lose(session, error));
    session.on('end', () => this.#lose(session, new Error('The session for signals has ended')));
    try {
      await session.connect();
      await beginSession(session, { statementMs: timeoutMs, idleInTransactionMs: timeoutMs }, this.#hosts.wantsPrimary);
      await session.query(`listen ${channel}`);
      await session.query('select pg_advisory_lock_shared($1, $2)', [presence, this.#number]);
    } catch (error) {
      this.#hosts.leave(url);
      this.#lose(session, error);
      return;
    }
    if (this.#session !== session) return;
    this.#ready = true;
    this.#retryMs = retryMs.first;
    this.#missed();
    this.#probeLater(session);
  }

  /**
   * Drops a session, and opens a new one after a pause. Ignores further errors of a session that is already dropped.
   */
  #lose(session: pg.Client, error: unknown): void {
    if (this.#session !== session) return;
    this.#drop();
    this.#onError(error instanceof Error ? error : new Error(messageOf(error)));
    this.#timer = setTimeout(() => void this.#open(), this.#retryMs * (0.5 + Math.random()));
    this.#timer.unref();
    this.#retryMs = Math.min(this.#retryMs * 2, retryMs.longest);
  }

  #drop(): void {
    const session = this.#session;
    this.#session = undefined;
    this.#ready = false;
    this.#waiting.clear();
    clearTimeout(this.#timer);
    // Does not wait for an answer, because the server may be gone.
    session?.connection.stream.destroy();
  }

  #probeLater(session: pg.Client): void {
    this.#timer = setTimeout(() => {
      session.query('select 1').then(
        () => this.#session === session && this.#probeLater(session),
        (error: unknown) => this.#lose(session, error),
      );
    }, probeMs);
    this.#timer.unref();
  }

  #hear(payload: string): void {
    const [sender, ids = ''] = payload.split(':', 2);
    if (sender === this.#self) return;
    if (ids === everything) this.#missed();
    else {
      const changed = new Set(ids.split(','));
      for (const listener of this.#listeners) listener.changed(changed);
    }
  }

  #missed(): void {
    for (const listener of this.#listeners) listener.missed?.();
  }

  /** Sends the waiting ids until none are left. The ids that arrive during a pause are sent together. */
  async #flush(): Promise<void> {
    this.#sending = true;
    while (this.#waiting.size > 0 && this.#session !== undefined) {
      const session = this.#session;
      const values = [channel, this.#payloads()];
      const text = 'select pg_notify($1, payload) from unnest($2::text[]) as payload';
      await session.query({ name: 'notify', text, values }).catch((error: unknown) => {
        this.#lose(session, error);
      });
      await new Promise((resolve) => setTimeout(resolve, pauseMs).unref());
    }
    this.#sending = false;
  }

  /** Removes all waiting ids and packs them into notifications. */
  #payloads(): string[] {
    const ids = [...this.#waiting];
    this.#waiting.clear();
    return Array.from({ length: Math.ceil(ids.length / idsPerNotification) }, (_, i) => {
      const part = ids.slice(i * idsPerNotification, (i + 1) * idsPerNotification);
      return `${this.#self}:${part.join(',')}`;
    });
  }
}
