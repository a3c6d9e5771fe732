import { budgetMs } from '../rules/agents/keys.ts';
import { lastForMs } from '../rules/agents/given-up.ts';
import { setWords } from '../rules/agents/queries.ts';
import { hourMs, minuteMs, secondMs } from '../ground/clock.ts';
import type { Config } from '../ground/config.ts';
import type { Ground } from '../storage/ground.ts';
import { prepared } from '../storage/prepared.ts';
import type { Schema } from '../storage/schema.ts';
import { Retention } from '../rules/events/retention.ts';
import { Loop } from '../ground/loop.ts';
import { indexWords } from '../rules/matching/word-index.ts';
import { askLater } from '../rules/platform-tasks/post.ts';
import { keptHours as keptTextHours } from '../rules/limits/texts.ts';
import { keptHours, keptPricesMs } from '../rules/market/figures.ts';
import { keptHostsMs, keptRequestsMs } from '../rules/webhooks/budget.ts';
import { TextRetention } from '../rules/texts/retention.ts';
import { quotaMs, spentPeriod } from '../rules/ledger/budget.ts';

const pauseMs = minuteMs;
/** About how many rows one transaction deletes. */
const stepSize = 500;
/** How many agents one transaction adds to the matcher's index. */
const agentsAtOnce = 20;
/**
 * How many deferred extraction tasks about agents are posted in a round, which lasts one minute. When the first infra
 * agent appears, all agents may be waiting for extraction. The limit leaves that agent's time, and most of the hourly
 * budget, for tasks.
 */
const questionsAtOnce = 3;

/**
 * A table whose rows expire. It has an indexed column with the end, or the start, of a row's time.
 *
 * @param upto the value of the column up to which rows have expired.
 */
function expiring(table: keyof Schema, column: string, upto: (now: number, config: Config) => number = (now) => now) {
  // Kysely can't infer that each of these tables has the column.
  const [from, until] = [table as 'rate_windows', column as 'ends_at'];
  return {
    upto,
    /** The column's value for the last row of the next step. No row: one step can delete all. */
    endOfStep: prepared(`endOfStep of ${table}`, (db, p: { now: number; size: number }) =>
      db.selectFrom(from).select(`${until} as end`).where(until, '<=', p.now).orderBy(until).limit(1).offset(p.size),
    ),
    deleteUpto: prepared(
      `delete ${table}`,
      (db, p: { upto: number }) => db.deleteFrom(from).where(until, '<=', p.upto),
      { replan: true },
    ),
  };
}

const tables = [
  expiring('idempotency_keys', 'expires_at'),
  // Kept for as long as a rotated key may repeat its request, and streams are looked for that were opened with one.
  expiring('api_keys', 'expires_at', (now) => now - hourMs),
  expiring('key_spending', 'at', (now) => now - budgetMs),
  expiring('given_up', 'at', (now) => now - lastForMs),
  expiring('rate_windows', 'ends_at'),
  expiring('texts_written', 'hour', (now) => Math.floor(now / hourMs) - keptTextHours),
  expiring('market_hours', 'hour', (now) => Math.floor(now / hourMs) - keptHours),
  expiring('market_prices', 'approved_at', (now) => now - keptPricesMs),
  expiring('webhook_deliveries', 'forget_at'),
  expiring('push_configs', 'forget_at'),
  expiring('webhook_requests', 'second', (now) => Math.floor((now - keptRequestsMs) / secondMs)),
  expiring('webhook_hosts', 'used_at', (now) => now - keptHostsMs),
  // A day after the last moment at which a task may be claimed.
  expiring('system_tasks_posted', 'posted_at', (now, config) => now - quotaMs - config.taskExpireHours * hourMs),
  expiring('system_spending', 'period', spentPeriod),
];

/** Agents whose words are not in the matcher's index yet. */
const unindexed = prepared(
  'unindexedAgents',
  (db, p: { limit: number }, engine) =>
    engine.hold(
      db
        .selectFrom('agents')
        .select(['id', 'good_at'])
        .where('words', 'is', null)
        .where('good_at', 'is not', null)
        .where('suspended_at', 'is', null)
        .orderBy('id')
        .limit(p.limit),
    ),
  { bounded: 'at most `limit` rows from the beginning of an index of only such agents' },
);

/**
 * Deletes expired rows in small steps: idempotency keys, rate counts, events, ended webhook deliveries, old spending, and the
 * texts of tasks that ended long ago.
 * Also does deferred work: extraction tasks about agents, words for the matcher's index.
 */
export class Housekeeping {
  readonly #ground: Ground;
  readonly #events: Retention;
  readonly #loop: Loop;
  readonly #texts: TextRetention;
  readonly #more = { expiry: false, events: false, texts: false, questions: false };
  #questionsLeft = 0;

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#events = new Retention(ground);
    this.#texts = new TextRetention(ground);
    this.#loop = new Loop(
      ground.clock,
      () => this.#pass(),
      (error) => ground.log.error(error, 'housekeeping failed'),
      pauseMs,
    );
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #pass(): Promise<number> {
    return (await this.run()) ? 0 : pauseMs;
  }

  /**
   * Does one step of each kind of work that is unfinished, or begins a new round. @returns whether there is more to do.
   */
  async run(): Promise<boolean> {
    const isNewRound = !Object.values(this.#more).includes(true);
    if (isNewRound || this.#more.expiry) this.#more.expiry = await this.#expire();
    if (isNewRound || this.#more.events) this.#more.events = await this.#events.step();
    if (isNewRound || this.#more.texts) this.#more.texts = await this.#texts.step();
    if (isNewRound) this.#questionsLeft = questionsAtOnce;
    if (isNewRound || this.#more.questions) {
      this.#more.questions = (await askLater(this.#ground)) && --this.#questionsLeft > 0;
    }
    return Object.values(this.#more).includes(true);
  }

  /** Uses one transaction per table, so that none holds locks on one table while it waits for another. */
  async #expire(): Promise<boolean> {
    const { db, clock, config } = this.#ground;
    let more = false;
    for (const { upto, endOfStep, deleteUpto } of tables) {
      more =
        (await db.transact('expire', async (tx) => {
          const now = upto(clock.now(), config);
          const step = await tx.first(endOfStep, { now, size: stepSize });
          tx.send(deleteUpto, { upto: step?.end ?? now });
          return step !== undefined;
        })) || more;
    }
    return (await this.#indexWords()) || more;
  }

  #indexWords(): Promise<boolean> {
    return this.#ground.db.transact('index words', async (tx) => {
      const agents = await tx.all(unindexed, { limit: agentsAtOnce });
      for (const { id, good_at } of agents) tx.send(setWords, { id, words: indexWords(tx, id, null, good_at) });
      return agents.length === agentsAtOnce;
    });
  }
}
