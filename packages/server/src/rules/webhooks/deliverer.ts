import { randomUUID } from 'node:crypto';
import { secondMs } from '../../ground/clock.ts';
import type { Ground } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import { overloaded } from '../../ground/errors.ts';
import { Loop } from '../../ground/loop.ts';
import type { Resolve } from './address.ts';
import { Ahead } from './ahead.ts';
import { messageOf } from './message.ts';
import { deliveriesDue } from './enqueue.ts';
import { HostLookup, type UrlHosts } from './hosts.ts';
import { Slots } from './slots.ts';
import * as leases from './leases.ts';
import { destinationOf, operatorBody, type OperatorEvents } from './operator.ts';
import * as queries from './queries.ts';
import type { Aftermath } from './schedule.ts';
import { Sender } from './sender.ts';
import { deliveryHeaders } from './signature.ts';
import {
  type Attempted,
  type Consignment,
  noteTest,
  noWebhook,
  type Serving,
  strains,
  takeStep,
  type Turn,
} from './turn.ts';

/** The longest time between two looks for receivers that other servers left due. A signal reports its own. */
const longestSleepMs = secondMs;
/** Maximum number of receivers taken at once, so that other servers get some too. */
const mostTaken = 16;
/** An attempt that takes longer than this counts as slow and is treated like a failed one. */
const slowMs = 2 * secondMs;
/** A turn ends after this many deliveries to one receiver, or after this time. */
const longestTurn = 50;
const longestTurnMs = 10 * secondMs;
/** Maximum number of simultaneous test deliveries. */
const mostTests = 32;
/** A lease outlasts the longest exchange by this time, in which its outcome is written. */
const leaseMarginMs = 5 * secondMs;
/** The pause before the outcome of an attempt is written again after a failure. */
const rewriteMs = secondMs;

/** The outcomes of attempts, for the metrics. */
export const outcomes = ['delivered', 'failed', 'dead'] as const;
export type Outcome = (typeof outcomes)[number];

/** What the deliverer needs of others. */
interface Helpers {
  /** Resolves the names of hosts. */
  readonly resolve: Resolve;
  /** Appends the event `webhook_paused`. */
  readonly tellPaused: Serving['tellPaused'];
}

/**
 * Sends webhook deliveries at least once (contract section 9, decision 0009). A server takes a receiver by a lease and
 * sends its due deliveries one after another. One transaction writes the outcome of an attempt and chooses the next
 * delivery. The leases of a server that dies expire.
 */
export class Deliverer {
  readonly #ctx: Ground;
  readonly #sender: Sender;
  readonly #lookup: HostLookup;
  readonly #tellPaused: Serving['tellPaused'];
  readonly #loop: Loop;
  readonly #ahead: Ahead;
  readonly #slots = new Slots(() => this.#loop.wake());
  readonly #serving = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #tests = 0;
  #startedAlone = false;
  #observe: ((outcome: Outcome) => void) | undefined;

  constructor(ctx: Ground, { resolve, tellPaused }: Helpers) {
    this.#ctx = ctx;
    this.#tellPaused = tellPaused;
    this.#lookup = new HostLookup(resolve, ctx.clock);
    this.#sender = new Sender(ctx.config.webhooks, ctx.clock, this.#lookup.resolve);
    this.#ahead = new Ahead(ctx.clock, ctx.db, this.#leaseEnd(0));
    this.#loop = new Loop(
      ctx.clock,
      () => this.#pass(),
      (error) => ctx.log.error(error, 'looking for webhooks to serve failed'),
    );
    ctx.db.signals.subscribe({ changed: (signals) => signals.has(deliveriesDue) && this.wake() });
  }

  /** Calls `observe` with the outcome of each attempt, after it is committed. */
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

  /** Aborts the attempts in progress. Their deliveries stay due, for another server or the next start. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop.stop();
    await Promise.all(this.#serving);
    this.#sender.close();
  }

  /** Takes as many due receivers as there is room for. @returns milliseconds until the next pass. */
  async #pass(): Promise<number> {
    await this.#endOldLeases();
    await this.#ahead.look();
    const sound = await this.#take(0);
    return Math.min(longestSleepMs, sound, await this.#take(1));
  }

  /** Ends all leases at start with an embedded database: it has one server, so they are left from a killed process. */
  async #endOldLeases(): Promise<void> {
    const { db, clock } = this.#ctx;
    if (this.#startedAlone || db.shared) return;
    await db.transact('end leases', async (tx) => tx.send(leases.endLeases, { now: clock.now() }));
    this.#startedAlone = true;
  }

  /**
   * Takes due receivers of a kind and starts to serve them. @returns milliseconds until the next of that kind is due.
   */
  async #take(failing: 0 | 1): Promise<number> {
    const { db, clock } = this.#ctx;
    const limit = Math.min(mostTaken, this.#slots.room(failing));
    // The loop is woken when a slot becomes free.
    if (limit <= 0) return Infinity;
    const now = clock.now();
    const next = (await db.first(leases.nextReadyAt, { failing }))?.ready_at ?? Infinity;
    if (next > now) return next - now;
    const lease = { leasedBy: randomUUID(), leasedUntil: this.#leaseEnd(now) };
    const claim = { failing, limit, now, leased_by: lease.leasedBy, leased_until: lease.leasedUntil };
    const taken = await db.transact('take receivers', (tx) => tx.all(leases.claimReceivers, claim));
    for (const { agent_id } of taken) {
      const slot = this.#slots.take(failing);
      const serving: Promise<void> = this.#serve({ agentId: agent_id, slot, ...lease }).finally(() => {
        this.#serving.delete(serving);
        this.#slots.leave(slot);
      });
      this.#serving.add(serving);
    }
    return taken.length < limit ? longestSleepMs : 0;
  }

  #leaseEnd(now: number): number {
    return now + this.#ctx.config.webhooks.timeoutSeconds * secondMs + leaseMarginMs;
  }

  /** Sends a receiver's due deliveries until its turn is over. Never throws. */
  async #serve(turn: Turn): Promise<void> {
    const { clock } = this.#ctx;
    const endsAt = clock.now() + longestTurnMs;
    let done: Attempted | undefined;
    for (let sent = 0; ; sent++) {
      const isLong = sent === longestTurn || clock.now() >= endsAt;
      const next = await this.#step(turn, done, isLong || strains(turn, done));
      if (next === undefined) return;
      const cancel = clock.after(slowMs, () => this.#slots.slow(turn.slot));
      done = await this.#attempt(next).finally(cancel);
    }
  }

  /** @returns undefined if the attempt was aborted, so that its outcome is unknown. */
  async #attempt(consignment: Consignment): Promise<Attempted | undefined> {
    const { row, url, secret } = consignment;
    const { signal } = this.#stop;
    const now = this.#ctx.clock.now();
    const result = url === null ? noWebhook : await this.#sender.send(messageOf(row, url, secret, now), signal);
    if (url !== null && result.statusCode === null) this.#lookup.forget(url);
    return signal.aborted ? undefined : { ...consignment, result };
  }

  /**
   * Writes an outcome and chooses the next delivery. If the storage is unavailable, it tries again until the lease has
   * expired. The outcome is not written if another turn has the lease: that turn sends the delivery again.
   */
  async #step(turn: Turn, done: Attempted | undefined, isOver: boolean) {
    const { db, clock, log } = this.#ctx;
    for (;;) {
      try {
        turn.target ??= await this.#lookUp(turn);
        return await db.transact('deliver', (tx) => {
          const now = clock.now();
          const ends = isOver || this.#stop.signal.aborted;
          return takeStep(this.#servingIn(tx, now), turn, { done, isOver: ends, leaseEnd: this.#leaseEnd(now) });
        });
      } catch (error) {
        log.error({ agentId: turn.agentId, err: error }, 'the outcome of a webhook could not be written');
        if (this.#stop.signal.aborted || clock.now() >= turn.leasedUntil) return undefined;
        await this.#pause(rewriteMs);
      }
    }
  }

  /** Waits; ends early if the server stops. */
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

  /** The hosts of an agent's webhook; undefined: it has none. */
  async hostsOf(agentId: string): Promise<UrlHosts | undefined> {
    const destination = await destinationOf(this.#ctx.config, this.#ctx.db, agentId);
    return destination === undefined || destination.url === null ? undefined : this.#lookup.of(destination.url);
  }

  /** Finds the hosts that the requests of a turn go to. A slow name server counts as a slow receiver. */
  #lookUp({ agentId, slot }: Turn): Promise<UrlHosts | undefined> {
    const cancel = this.#ctx.clock.after(slowMs, () => this.#slots.slow(slot));
    return this.hostsOf(agentId).finally(cancel);
  }

  #servingIn(tx: Tx, now: number): Serving {
    const observe = ({ status }: Aftermath) =>
      tx.afterCommit(() => this.#observe?.(status === 'pending' ? 'failed' : status));
    return { ctx: this.#ctx, tx, now, tellPaused: this.#tellPaused, observe };
  }

  /** Sends to the operator at once and once, without the storage. @returns whether it was accepted. */
  async tellAtOnce<E extends keyof OperatorEvents>(event: E, data: OperatorEvents[E]): Promise<boolean> {
    const { config, clock, newId } = this.#ctx;
    if (config.operatorWebhook === undefined) return false;
    const { url, secret } = config.operatorWebhook;
    const now = clock.now();
    const body = operatorBody(event, data, now);
    const headers = deliveryHeaders(newId('delivery'), now, body, secret);
    return (await this.#sender.send({ url, body, headers }, this.#stop.signal)).error === null;
  }

  /**
   * Runs `work`, which adds a test delivery and sends it by `sendNow`, if there is room for another test.
   *
   * @throws DomainError `overloaded` if `mostTests` tests are in progress.
   */
  async testing<T>(work: () => Promise<T>): Promise<T> {
    if (this.#tests >= mostTests) throw overloaded();
    this.#tests++;
    try {
      return await work();
    } finally {
      this.#tests--;
    }
  }

  /**
   * Sends a delivery at once, ahead of all others of its receiver, and writes the outcome. The delivery must not be due
   * yet, so that no server sends it at the same time.
   */
  async sendNow(agentId: string, id: string): Promise<void> {
    const { db, clock } = this.#ctx;
    const [row, agent] = await Promise.all([
      db.first(queries.deliveryById, { agent_id: agentId, id }),
      db.first(queries.webhookOf, { agent_id: agentId }),
    ]);
    if (row?.status !== 'pending' || agent === undefined) return;
    const done = await this.#attempt({ row, url: agent.webhook_url, secret: agent.webhook_secret });
    if (done === undefined) return;
    await db.transact('note test', (tx) => noteTest(this.#servingIn(tx, clock.now()), done));
  }
}
