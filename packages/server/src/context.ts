import type { AuditResponse, IdKind } from '@pinchwork/sdk';
import type { Logger } from 'pino';
import { Credentials } from './rules/agents/credentials.ts';
import type { AuditInput } from './audit/audit.ts';
import { type Clock, secondMs, systemClock } from './ground/clock.ts';
import type { Config } from './ground/config.ts';
import type { Database } from './storage/database.ts';
import { migrate } from './storage/migrate.ts';
import { openDatabase } from './storage/open.ts';
import { storageUnavailable } from './ground/errors.ts';
import { Outbox } from './rules/events/outbox.ts';
import { EventStreams } from './rules/events/streams.ts';
import { Tail } from './rules/events/tail.ts';
import { createIds } from './ground/ids.ts';
import { Housekeeping } from './jobs/housekeeping.ts';
import { Limits } from './rules/limits/limits.ts';
import { type Log, openLog } from './ground/log.ts';
import { SearchUpkeep } from './rules/search/upkeep.ts';
import { SuspensionWatch } from './verbs/operator/suspension.ts';
import { TaskTimers } from './jobs/timers.ts';
import { TaskWatch } from './rules/tasks/watch.ts';
import { version } from './ground/version.ts';
import { type Resolve, systemResolve } from './rules/webhooks/address.ts';
import { Deliverer } from './rules/webhooks/deliverer.ts';

/** How long a pass of the timers may take to end when the program does. */
const passMs = secondMs / 2;

/** Everything the verbs work with. Built once, passed as an argument; two of them can live in one process. */
export interface Context {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** What the log is written to. */
  readonly logOutput: Pick<Log, 'say' | 'dropped'>;
  readonly newId: (kind: IdKind) => string;
  readonly db: Database;
  readonly credentials: Credentials;
  readonly watch: TaskWatch;
  readonly outbox: Outbox;
  readonly streams: EventStreams;
  readonly tail: Tail;
  /** What names of webhooks are looked up by. */
  readonly resolve: Resolve;
  readonly webhooks: Deliverer;
  readonly timers: TaskTimers;
  readonly housekeeping: Housekeeping;
  readonly suspensions: SuspensionWatch;
  readonly search: SearchUpkeep;
  readonly limits: Limits;
  /** Checks all invariants; callers who ask while it runs share the answer. */
  audit(): Promise<AuditResponse>;
  /** Answers the long polls, ends the streams, stops the timers, closes the database, in this order. */
  dispose(): Promise<void>;
}

/** Who calls a verb, and how its transaction is run: a door may add to it (an idempotency record, say). */
export interface Call {
  readonly ctx: Context;
  /** The agent who calls. */
  readonly agentId: string;
  /** Where the request comes from. */
  readonly address: string;
  readonly transact: Database['transact'];
  /** Aborted when the caller no longer listens. */
  readonly signal: AbortSignal;
}

/**
 * Opens the database, brings its schema up to date and builds everything on top of it. Nothing runs by itself yet: the
 * timers are started by whoever serves.
 *
 * @param log where it writes; else the standard output.
 * @param resolve what names of webhooks are looked up by; else by the system.
 * @param checkDatabaseClock whether `clock` must agree with the database server's; not when the time is made up.
 * @throws Error with a sentence for people.
 */
export async function createContext(
  config: Config,
  clock: Clock = systemClock,
  {
    checkDatabaseClock = true,
    log: given,
    resolve = systemResolve(config.webhooks),
  }: { checkDatabaseClock?: boolean; log?: Log; resolve?: Resolve } = {},
): Promise<Context> {
  const output = given ?? (await openLog(config.logLevel));
  const log = output.logger;
  let db: Database | undefined;
  try {
    db = await openDatabase(config.databaseUrl, {
      ...(checkDatabaseClock ? { clock } : {}),
      onError: (error) => log.warn(storageUnavailable(error), 'a database connection broke'),
    });
    await migrate(db, version);
  } catch (error) {
    await db?.close();
    output.close();
    throw error;
  }
  const watch = new TaskWatch();
  const newId = createIds(clock);
  const streams = new EventStreams({ config, clock, log, db });
  const webhooks = new Deliverer({ config, clock, log, db }, resolve);
  const outbox = new Outbox({ clock, log, db, newId, webhooks });
  const parts = { config, clock, log, logOutput: output, newId, db, watch, outbox, streams, resolve, webhooks };
  const tail = new Tail(parts);
  const timers = new TaskTimers(parts);
  const housekeeping = new Housekeeping(parts);
  const suspensions = new SuspensionWatch(parts);
  const search = new SearchUpkeep(parts);
  const limits = new Limits(parts);
  return {
    ...parts,
    tail,
    timers,
    housekeeping,
    suspensions,
    search,
    limits,
    credentials: new Credentials(db, clock),
    audit: shared(() => db.runApart<AuditInput, AuditResponse>(auditJob, { now: clock.now() }, 'long')),
    dispose: async () => {
      watch.close();
      streams.close();
      // A pass that hangs on a database that does not answer ends when its connection is cut.
      const loops = [timers, housekeeping, suspensions, limits, outbox, tail, webhooks, search];
      const passes = Promise.all(loops.map((loop) => loop.stop()));
      await Promise.race([passes, new Promise((resolve) => setTimeout(resolve, passMs).unref())]);
      await db.close();
      await passes;
      output.close();
    },
  };
}

const auditJob = new URL('./audit/audit.ts', import.meta.url);

/** Runs one at a time: who asks meanwhile gets the same promise. */
function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => (running ??= work().finally(() => (running = undefined)));
}
