import { setWords } from '../rules/agents/queries.ts';
import { minuteMs } from '../ground/clock.ts';
import type { Ground } from '../storage/ground.ts';
import { prepared } from '../storage/prepared.ts';
import type { Schema } from '../storage/schema.ts';
import { Retention } from '../rules/events/retention.ts';
import { Loop } from '../ground/loop.ts';
import { indexWords } from '../rules/matching/word-index.ts';
import { askLater } from '../rules/platform-tasks/post.ts';
import { quotaMs, spentPeriod } from '../rules/ledger/budget.ts';

const pauseMs = minuteMs;
/** Rows deleted in one transaction, about. */
const stepSize = 500;
/** Agents taken into the matcher's index in one transaction. */
const agentsAtOnce = 20;
/**
 * Questions about agents that are asked late in one round, of one minute: when the first agent comes that answers them,
 * all agents may wait for it, and these must leave it time, and most of what may be spent in an hour, for tasks.
 */
const questionsAtOnce = 3;

/**
 * What serves for a time only: its rows have an indexed column that says until when, or since when.
 *
 * @param upto the value up to which rows have served their time.
 */
function expiring(table: keyof Schema, column: string, upto: (now: number) => number = (now) => now) {
  // Kysely can't see that each table has the column.
  const [from, until] = [table as 'rate_windows', column as 'ends_at'];
  return {
    upto,
    /** The expiry of the last row in the next step: none when a step can take them all. */
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
  expiring('rate_windows', 'ends_at'),
  expiring('webhook_deliveries', 'forget_at'),
  expiring('system_tasks_posted', 'posted_at', (now) => now - quotaMs),
  expiring('system_spending', 'period', spentPeriod),
];

/** Agents whose words are not in the matcher's index: from before there was one. */
const unindexed = prepared('unindexedAgents', (db, p: { limit: number }, engine) =>
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
);

/**
 * Forgets what has served its time, in small steps: idempotency keys, counts of requests, events, webhook deliveries that
 * have ended, old spending. And does what had to wait: questions about agents, words for the matcher's index.
 */
export class Housekeeping {
  readonly #ground: Ground;
  readonly #events: Retention;
  readonly #loop: Loop;
  readonly #more = { expiry: false, events: false, questions: false };
  #questionsLeft = 0;

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#events = new Retention(ground);
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

  /** Takes one step of whatever has more to do, or begins a new round. @returns whether there is more to do. */
  async run(): Promise<boolean> {
    const isNewRound = !Object.values(this.#more).includes(true);
    if (isNewRound || this.#more.expiry) this.#more.expiry = await this.#expire();
    if (isNewRound || this.#more.events) this.#more.events = await this.#events.step();
    if (isNewRound) this.#questionsLeft = questionsAtOnce;
    if (isNewRound || this.#more.questions) {
      this.#more.questions = (await askLater(this.#ground)) && --this.#questionsLeft > 0;
    }
    return Object.values(this.#more).includes(true);
  }

  /** One transaction for each table, so that none holds the rows of one table while it waits for those of another. */
  async #expire(): Promise<boolean> {
    const { db, clock } = this.#ground;
    let more = false;
    for (const { upto, endOfStep, deleteUpto } of tables) {
      more =
        (await db.transact('expire', async (tx) => {
          const now = upto(clock.now());
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
