import { type Clock, secondMs, systemClock } from './ground/clock.ts';
import type { Config } from './ground/config.ts';
import { storageUnavailable } from './ground/errors.ts';
import { createIds } from './ground/ids.ts';
import { type Log, openLog } from './ground/log.ts';
import { version } from './ground/version.ts';
import { Audits } from './jobs/audits.ts';
import { Erasure } from './jobs/erasure.ts';
import { lookForEndedKeys } from './jobs/ended-keys.ts';
import { Housekeeping } from './jobs/housekeeping.ts';
import type { Job } from './jobs/job.ts';
import { Judging } from './jobs/judging.ts';
import { KeyUse } from './jobs/key-use.ts';
import type { LookBack } from './jobs/look-back.ts';
import { OperatorWatch } from './jobs/operator-watch.ts';
import { lookForSuspensions } from './jobs/suspensions.ts';
import { MarketFigures } from './jobs/market.ts';
import { TaskTimers } from './jobs/timers.ts';
import { Checks } from './rules/acceptance/checks.ts';
import { Authenticator } from './rules/agents/authenticator.ts';
import { appendEvent } from './rules/events/append.ts';
import { Outbox } from './rules/events/outbox.ts';
import { EventStreams } from './rules/events/streams.ts';
import { Tail } from './rules/events/tail.ts';
import { Limits } from './rules/limits/limits.ts';
import { Texts } from './rules/limits/texts.ts';
import { OpenRequests } from './rules/limits/open-requests.ts';
import { openShares, type Shares } from './rules/limits/shares.ts';
import { MarketFeed } from './rules/market/feed.ts';
import { Pusher } from './rules/pushes/pusher.ts';
import { SearchUpkeep } from './rules/search/upkeep.ts';
import { TaskWatch } from './rules/tasks/watch.ts';
import { Dispatcher } from './rules/waiting/dispatcher.ts';
import { addressProblem, type Resolve, systemResolve } from './rules/webhooks/address.ts';
import { Deliverer } from './rules/webhooks/deliverer.ts';
import type { Database } from './storage/database.ts';
import type { Ground } from './storage/ground.ts';
import { migrate } from './storage/migrate.ts';
import { openDatabase } from './storage/open.ts';
import type { Context } from './verbs/context.ts';
import {
  marketDeliveryTimes,
  marketFigures,
  marketFlow,
  marketOpenTasks,
  marketPrices,
  marketTags,
} from './verbs/figures.ts';
import { marketCounts, openTasks } from './verbs/market.ts';
import { Readiness } from './verbs/readiness.ts';

/** How long `dispose` waits for running jobs before it closes the database. */
const passMs = secondMs / 2;

/** The background jobs of a server by name. */
interface Jobs {
  /** Makes the clock's transitions. */
  readonly timers: TaskTimers;
  /** Tells matched agents about their task. */
  readonly outbox: Outbox;
  /** Deletes expired rows. */
  readonly housekeeping: Housekeeping;
  /** Ends the open long polls and streams of suspended agents. */
  readonly suspensions: LookBack;
  /** Ends what is open here with keys that have ended. */
  readonly endedKeys: LookBack;
  /** Removes the texts of deleted agents. */
  readonly erasure: Erasure;
  /** Writes down when keys were last used. */
  readonly keyUse: KeyUse;
  /** Hands tasks to the pickups that wait. */
  readonly dispatcher: Dispatcher;
  /** Wakes long polls and streams. */
  readonly tail: Tail;
  /** Keeps the text index up to date. */
  readonly search: SearchUpkeep;
  /** Adds up the rate counts of the servers. */
  readonly limits: Limits;
  /** Counts the texts that agents write. */
  readonly texts: Texts;
  /** Counts the market, and keeps what was paid. */
  readonly marketFigures: MarketFigures;
  /** Tells watchers of the market. */
  readonly feed: MarketFeed;
  /** Sends webhooks. */
  readonly webhooks: Deliverer;
  /** Tells the webhooks of single tasks. */
  readonly pushes: Pusher;
  /** Draws the judges of disputes. */
  readonly judging: Judging;
  /** Looks for what the operator is told. */
  readonly operator: OperatorWatch;
}

/** A server without its doors. */
export interface Core extends Context, Jobs {
  /** The same jobs as a list. `startServer` starts them, and `dispose` stops them. */
  readonly jobs: readonly Job[];
  /** The output of the log. */
  readonly logOutput: Pick<Log, 'say' | 'flush' | 'dropped'>;
  /** Answers the long polls, ends the streams, stops the jobs and closes the database, in this order. */
  dispose(): Promise<void>;
}

interface Replacements {
  /** The log. Default: the standard output. */
  readonly log?: Log;
  /** Resolves host names of webhooks. Default: the system's name resolution. */
  readonly resolve?: Resolve;
  /**
   * `false`: does not require that `clock` agrees with the database server's clock. For tests with an invented time.
   */
  readonly checkDatabaseClock?: boolean;
  /** Opens the database. For tests, which watch every transaction and keep what is slow to open. */
  readonly openDatabase?: typeof openDatabase;
  /** What requests share. For tests that exhaust it. */
  readonly shares?: Shares;
  /** Compares deliveries with the acceptance of their task. For tests, which keep its thread for the next server. */
  readonly checks?: Checks;
}

/**
 * Opens the database, updates its schema and builds everything on top of it. Does not start the jobs; `startServer`
 * does.
 *
 * @throws Error with a message for people.
 */
export async function compose(
  config: Config,
  clock: Clock = systemClock,
  replacements: Replacements = {},
): Promise<Core> {
  const { checkDatabaseClock = true, openDatabase: open = openDatabase } = replacements;
  const { resolve = systemResolve(config.webhooks), shares = openShares() } = replacements;
  checkOperatorWebhook(config);
  const output = replacements.log ?? (await openLog(config.logLevel));
  const log = output.logger;
  let db: Database | undefined;
  try {
    db = await open(config.databaseUrl, {
      ...(checkDatabaseClock ? { clock } : {}),
      onError: (error) => log.warn(storageUnavailable(error), 'a database connection broke'),
    });
    await migrate(db, version);
  } catch (error) {
    await db?.close();
    await output.close();
    throw error;
  }
  const ground: Ground = { config, clock, log, db, newId: createIds(clock) };
  const openRequests = new OpenRequests(shares.waits, config.maxStreamsPerAgent);
  const checks = replacements.checks ?? new Checks(shares.checks, log);
  const watch = new TaskWatch(openRequests);
  const streams = new EventStreams(ground, openRequests);
  const waiting = { watch, streams };
  const authenticator = new Authenticator(db, clock);
  const readiness = new Readiness(ground);
  const audits = new Audits(ground, (report) => jobs.operator.tellOfAudit(report));
  const webhooks = new Deliverer(ground, {
    resolve,
    tellPaused: (work, agentId, reason) =>
      appendEvent(work, { agentId, taskId: null, type: 'webhook_paused', data: { reason } }),
  });
  const counts = marketCounts(ground);
  const jobs: Jobs = {
    timers: new TaskTimers(ground),
    outbox: new Outbox(ground),
    housekeeping: new Housekeeping(ground),
    suspensions: lookForSuspensions(ground, waiting),
    endedKeys: lookForEndedKeys(ground, waiting),
    erasure: new Erasure(ground),
    keyUse: new KeyUse(ground, authenticator),
    dispatcher: new Dispatcher(ground),
    tail: new Tail(ground, waiting),
    search: new SearchUpkeep(ground),
    limits: new Limits(ground),
    texts: new Texts(ground),
    marketFigures: new MarketFigures(ground, () => openTasks(ground.db, counts)),
    feed: new MarketFeed(ground, openRequests),
    webhooks,
    pushes: new Pusher(ground, resolve),
    judging: new Judging(ground),
    operator: new OperatorWatch(ground, { audit: audits.pass, readiness, webhooks }),
  };
  const list: readonly Job[] = Object.values(jobs);
  return {
    ...ground,
    ...waiting,
    ...jobs,
    jobs: list,
    market: {
      counts,
      figures: marketFigures(ground),
      commonTags: marketTags(ground),
      deliveryTimes: marketDeliveryTimes(ground),
      flow: marketFlow(ground),
      openTasks: marketOpenTasks(ground, counts),
      prices: marketPrices(ground),
    },
    resolve,
    logOutput: output,
    authenticator,
    shares,
    checks,
    readiness,
    audit: audits.whole,
    auditPass: audits.pass,
    lastAudit: () => audits.last,
    dispose: async () => {
      watch.close();
      streams.close();
      jobs.feed.close();
      // A job that waits for a database without an answer ends when its connection is cut.
      const passes = Promise.all(list.map((job) => job.stop()));
      await Promise.race([passes, new Promise((resolve) => setTimeout(resolve, passMs).unref())]);
      await ground.db.close();
      if (replacements.checks === undefined) await checks.close();
      await passes;
      await output.close();
    },
  };
}

/** @throws Error with a message for people if the operator's webhook has an address that webhooks may not have. */
function checkOperatorWebhook({ operatorWebhook, webhooks }: Config): void {
  const problem = operatorWebhook && addressProblem(operatorWebhook.url, webhooks);
  if (problem !== undefined) throw new Error(`PINCHWORK_OPERATOR_WEBHOOK_URL ${problem}.`);
}
