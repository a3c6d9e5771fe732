import { randomUUID } from 'node:crypto';
import { secondMs } from '../../ground/clock.ts';
import type { Ground } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import { overloaded } from '../../ground/errors.ts';
import { Loop } from '../../ground/loop.ts';
import type { Resolve } from './address.ts';
import { Ahead } from './ahead.ts';
import { messageOf } from './message.ts';
import { deliveriesDue } from './outbox.ts';
import { type Place, Places } from './places.ts';
import * as queries from './queries.ts';
import { aftermath, restUntil } from './schedule.ts';
import { type Answer, Sender } from './sender.ts';

/** How often a server looks for what others have left due: a wake-up tells it of its own. */
const longestSleepMs = secondMs;
/** Endpoints taken in one go, so that other servers get some too. */
const mostTaken = 16;
/** An attempt that takes so long ties its place up as one that fails does. */
const slowMs = 2 * secondMs;
/** Deliveries to one endpoint, and time, before others have their turn. */
const longestTurn = 50;
const longestTurnMs = 10 * secondMs;
/** Tests that a server sends at once, beside what waits. */
const mostTests = 32;
/** A lease outlasts an exchange by so much: enough for its outcome to be written. */
const leaseMarginMs = 5 * secondMs;
/** How long to wait before the outcome of an attempt is written again that could not be. */
const rewriteMs = secondMs;

/** How an attempt went, for the metrics. */
export const outcomes = ['delivered', 'failed', 'dead'] as const;
type Outcome = (typeof outcomes)[number];

/** An endpoint's turn to be served, by a lease. */
interface Turn {
  readonly agentId: string;
  readonly place: Place;
  /** Names the lease, of which each taking has its own: a server may take an endpoint whose lease it has let run out. */
  readonly leasedBy: string;
  leasedUntil: number;
}

/** A delivery that is being sent, and where to. */
interface Consignment {
  readonly row: queries.DeliveryRow;
  readonly url: string | null;
  readonly secret: string | null;
}

/** What was sent, and what came of it. */
interface Attempted {
  readonly row: queries.DeliveryRow;
  readonly answer: Answer;
}

const noWebhook: Answer = {
  statusCode: null,
  error: 'Your profile has no webhook_url any more',
  retryAfter: undefined,
  durationMs: 0,
};

/**
 * Sends what stands in the outbox, at least once (docs/decisions/0009). A server takes an endpoint by a lease and sends
 * to it one delivery after the other, in the order in which they are due; each outcome is written, and the next
 * delivery chosen, in one transaction. A server that dies leaves leases that run out.
 */
export class Deliverer {
  readonly #ctx: Ground;
  readonly #sender: Sender;
  readonly #loop: Loop;
  readonly #ahead: Ahead;
  readonly #places = new Places(() => this.#loop.wake());
  readonly #serving = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #tests = 0;
  #startedAlone = false;
  #observe: ((outcome: Outcome) => void) | undefined;

  constructor(ctx: Ground, resolve: Resolve) {
    this.#ctx = ctx;
    this.#sender = new Sender(ctx.config.webhooks, ctx.clock, resolve);
    this.#ahead = new Ahead(ctx.clock, ctx.db, this.#leaseEnd(0));
    this.#loop = new Loop(
      ctx.clock,
      () => this.#pass(),
      (error) => ctx.log.error(error, 'looking for webhooks to serve failed'),
    );
    ctx.db.signals.subscribe({ changed: (signals) => signals.has(deliveriesDue) && this.wake() });
  }

  /** Has `observe` hear how each attempt went. */
  observe(observe: (outcome: Outcome) => void): void {
    this.#observe = observe;
  }

  start(): void {
    this.#loop.start();
  }

  /** Looks for due deliveries at once. */
  wake(): void {
    this.#loop.wake();
  }

  /** Breaks off what is under way, so that another server, or the next run, does it at once. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop.stop();
    await Promise.all(this.#serving);
    await this.#sender.close();
  }

  /** Takes endpoints that are due, as many as there is room for. @returns when to look again. */
  async #pass(): Promise<number> {
    await this.#endOldLeases();
    await this.#ahead.look();
    const sound = await this.#take(0);
    return Math.min(longestSleepMs, sound, await this.#take(1));
  }

  /** An embedded database has one server. Leases that are there when it starts are those of one that was killed. */
  async #endOldLeases(): Promise<void> {
    const { db, clock } = this.#ctx;
    if (this.#startedAlone || db.shared) return;
    await db.transact('end leases', async (tx) => tx.send(queries.endLeases, { now: clock.now() }));
    this.#startedAlone = true;
  }

  /** Takes endpoints of a kind and begins to serve them. @returns how long until the next of that kind is due. */
  async #take(failing: 0 | 1): Promise<number> {
    const { db, clock } = this.#ctx;
    const limit = Math.min(mostTaken, this.#places.room(failing));
    // Whoever gives a place up wakes the loop.
    if (limit <= 0) return Infinity;
    const now = clock.now();
    const next = (await db.first(queries.nextReadyAt, { failing }))?.ready_at ?? Infinity;
    if (next > now) return next - now;
    const lease = { leasedBy: randomUUID(), leasedUntil: this.#leaseEnd(now) };
    const claim = { failing, limit, now, leased_by: lease.leasedBy, leased_until: lease.leasedUntil };
    const taken = await db.transact('take endpoints', (tx) => tx.all(queries.claimEndpoints, claim));
    for (const { agent_id } of taken) {
      const place = this.#places.take(failing);
      const serving: Promise<void> = this.#serve({ agentId: agent_id, place, ...lease }).finally(() => {
        this.#serving.delete(serving);
        this.#places.leave(place);
      });
      this.#serving.add(serving);
    }
    return taken.length < limit ? longestSleepMs : 0;
  }

  #leaseEnd(now: number): number {
    return now + this.#ctx.config.webhooks.timeoutSeconds * secondMs + leaseMarginMs;
  }

  /** Sends to an endpoint what is due, until its turn is over. Never throws. */
  async #serve(turn: Turn): Promise<void> {
    const { clock } = this.#ctx;
    const endsAt = clock.now() + longestTurnMs;
    let done: Attempted | undefined;
    for (let sent = 0; ; sent++) {
      const isLong = sent === longestTurn || clock.now() >= endsAt;
      const next = await this.#step(turn, done, isLong || strains(turn, done));
      if (next === undefined) return;
      const cancel = clock.after(slowMs, () => this.#places.slow(turn.place));
      done = await this.#attempt(next).finally(cancel);
    }
  }

  /** @returns undefined when it was broken off: then nothing is known of it. */
  async #attempt({ row, url, secret }: Consignment): Promise<Attempted | undefined> {
    const { signal } = this.#stop;
    const now = this.#ctx.clock.now();
    const answer = url === null ? noWebhook : await this.#sender.send(messageOf(row, url, secret, now), signal);
    return signal.aborted ? undefined : { row, answer };
  }

  /**
   * Writes an outcome and chooses what to send next. When the storage is away, the outcome is written as soon as it is
   * back, unless the lease is over by then: the delivery is then sent again by whoever serves next.
   */
  async #step(turn: Turn, done: Attempted | undefined, isOver: boolean) {
    const { db, clock, log } = this.#ctx;
    for (;;) {
      try {
        return await db.transact('deliver', (tx) => this.#writeAndChoose(tx, turn, done, isOver));
      } catch (error) {
        log.error({ agentId: turn.agentId, err: error }, 'the outcome of a webhook could not be written');
        if (this.#stop.signal.aborted || clock.now() >= turn.leasedUntil) return undefined;
        await this.#pause(rewriteMs);
      }
    }
  }

  /** Ends early when the server stops. */
  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const { signal } = this.#stop;
    const end = () => resolve(undefined);
    const cancel = this.#ctx.clock.after(ms, end);
    signal.addEventListener('abort', end);
    return promise.finally(() => {
      cancel();
      signal.removeEventListener('abort', end);
    });
  }

  async #writeAndChoose(
    tx: Tx,
    turn: Turn,
    done: Attempted | undefined,
    isOver: boolean,
  ): Promise<Consignment | undefined> {
    const now = this.#ctx.clock.now();
    const { agentId } = turn;
    const lease = { agent_id: agentId, leased_by: turn.leasedBy };
    const until = this.#leaseEnd(now);
    const fails = done === undefined ? turn.place.failing : Number(strains(turn, done));
    // First the endpoint: from here on, no event can come in that the choice below would not see.
    const holds = await tx.run(queries.renewLease, { ...lease, leased_until: until, failing: fails });
    tx.afterCommit(() => (turn.leasedUntil = until));
    if (done !== undefined) this.#note(tx, done, now);
    if (holds === 0) return undefined;
    const [first, agent] = await Promise.all([
      firstDue(tx, agentId, now),
      tx.first(queries.webhookOf, { agent_id: agentId }),
    ]);
    if (agent === undefined) throw new Error(`The agent ${agentId} of a webhook is not there`);
    // A suspended agent hears nothing; what waits is sent when that is over.
    const dueAt = agent.suspended_at === null ? first?.dueAt : undefined;
    const rest = done === undefined ? 0 : restUntil(done.answer, now);
    if (first !== undefined && dueAt !== undefined && dueAt <= now && !isOver && !this.#stop.signal.aborted) {
      return { row: first.row, url: agent.webhook_url, secret: agent.webhook_secret };
    }
    // Not before now, so that those who have waited longer come first.
    tx.send(queries.releaseEndpoint, {
      ...lease,
      rest_until: rest,
      due_at: dueAt === undefined ? null : Math.max(dueAt, now),
    });
    return undefined;
  }

  /** Writes what came of an attempt. */
  #note(tx: Tx, { row, answer }: Attempted, now: number): void {
    const maxRetries = answer === noWebhook ? 0 : this.#ctx.config.webhooks.maxRetries;
    const after = aftermath(row, answer, { now, maxRetries, chance: Math.random() });
    tx.send(queries.noteAttempt, { agent_id: row.agent_id, id: row.id, ...after });
    tx.afterCommit(() => this.#observe?.(after.status === 'pending' ? 'failed' : after.status));
  }

  /**
   * Makes room for a test: `work` puts it into the outbox and has it sent by `sendNow`.
   *
   * @throws DomainError `overloaded` when too many are under way.
   */
  async testing<Outcome>(work: () => Promise<Outcome>): Promise<Outcome> {
    if (this.#tests >= mostTests) throw overloaded();
    this.#tests++;
    try {
      return await work();
    } finally {
      this.#tests--;
    }
  }

  /** Sends a delivery at once, whatever else waits for its endpoint, and writes how that went. It must not be due yet. */
  async sendNow(agentId: string, id: string): Promise<void> {
    const { db, clock } = this.#ctx;
    const [row, agent] = await Promise.all([
      db.first(queries.deliveryById, { agent_id: agentId, id }),
      db.first(queries.webhookOf, { agent_id: agentId }),
    ]);
    if (row?.status !== 'pending' || agent === undefined) return;
    const done = await this.#attempt({ row, url: agent.webhook_url, secret: agent.webhook_secret });
    if (done === undefined) return;
    await db.transact('note test', async (tx) => this.#note(tx, done, clock.now()));
  }
}

/** Whether an endpoint's last attempt failed or took long, which too many must not do at once. It ends the turn. */
const strains = ({ place }: Turn, done: Attempted | undefined) =>
  place.isSlow || (done !== undefined && done.answer.error !== null);

/** The delivery that is due first: of those not tried yet the one with the lowest number, or one that is tried again. */
async function firstDue(
  tx: Tx,
  agentId: string,
  now: number,
): Promise<{ row: queries.DeliveryRow; dueAt: number } | undefined> {
  const [fresh, again] = await Promise.all([
    tx.first(queries.firstFresh, { agent_id: agentId }),
    tx.first(queries.firstAgain, { agent_id: agentId }),
  ]);
  const repeated = again && { row: again, dueAt: again.next_at! };
  if (fresh === undefined) return repeated;
  // One that was never tried is due, though its time lies ahead: then the clock has been set back.
  const untried = { row: fresh, dueAt: Math.min(fresh.next_at!, now) };
  return repeated !== undefined && repeated.dueAt < untried.dueAt ? repeated : untried;
}
