import { randomUUID } from 'node:crypto';
import { minuteMs, secondMs } from '../../ground/clock.ts';
import { Loop } from '../../ground/loop.ts';
import type { Ground } from '../../storage/ground.ts';
import type { Resolve } from '../webhooks/address.ts';
import type { Outcome } from '../webhooks/deliverer.ts';
import { HostLookup } from '../webhooks/hosts.ts';
import { Sender } from '../webhooks/sender.ts';
import { Slots } from '../webhooks/slots.ts';
import { longestWaitMs, pushesDue } from './call.ts';
import { notification } from './payload.ts';
import * as queries from './queries.ts';
import { type PushConsignment, type PushTurn, strains, takePushStep } from './step.ts';

/** The longest time between two looks for configurations that other servers left due. A signal reports its own. */
const longestSleepMs = secondMs;
/** Maximum number of configurations taken at once, so that other servers get some too. */
const mostTaken = 16;
/** An attempt that takes longer than this counts as slow and is treated like a failed one. */
const slowMs = 2 * secondMs;
/** A turn ends after this many notifications. */
const longestTurn = 20;
/** A lease outlasts the longest exchange by this time, in which its outcome is written. */
const leaseMarginMs = 5 * secondMs;
/** The time between two looks for times that only a clock which was set back explains. */
const freeEveryMs = minuteMs;

/**
 * Sends the notifications of push configurations at least once and in order (contract section 14). A server takes a
 * configuration by a lease. One transaction writes the outcome of an attempt and chooses the next notification from the
 * history of the task. The leases of a server that dies expire.
 */
export class Pusher {
  readonly #ctx: Ground;
  readonly #sender: Sender;
  readonly #lookup: HostLookup;
  readonly #loop: Loop;
  readonly #slots = new Slots(() => this.#loop.wake());
  readonly #serving = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #startedAlone = false;
  #freedAt = -Infinity;
  #observe: ((outcome: Outcome) => void) | undefined;

  constructor(ctx: Ground, resolve: Resolve) {
    this.#ctx = ctx;
    this.#lookup = new HostLookup(resolve, ctx.clock);
    this.#sender = new Sender(ctx.config.webhooks, ctx.clock, this.#lookup.resolve);
    this.#loop = new Loop(
      ctx.clock,
      () => this.#pass(),
      (error) => ctx.log.error(error, 'looking for push configurations to serve failed'),
    );
    ctx.db.signals.subscribe({ changed: (signals) => signals.has(pushesDue) && this.wake() });
  }

  /** Calls `observe` with the outcome of each attempt, after it is committed. */
  observe(observe: (outcome: Outcome) => void): void {
    this.#observe = observe;
  }

  start(): void {
    this.#loop.start();
  }

  /** Looks for due configurations at once. */
  wake(): void {
    this.#loop.wake();
  }

  /** Aborts the attempts in progress. Their configurations stay due, for another server or the next start. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop.stop();
    await Promise.all(this.#serving);
    this.#sender.close();
  }

  /** Takes as many due configurations as there is room for. @returns milliseconds until the next pass. */
  async #pass(): Promise<number> {
    await this.#mend();
    const sound = await this.#take(0);
    return Math.min(longestSleepMs, sound, await this.#take(1));
  }

  /**
   * Ends all leases at start with an embedded database, which has one server, so they are left from a killed process.
   * Frees configurations that wait too long because a clock was set back.
   */
  async #mend(): Promise<void> {
    const { db, clock } = this.#ctx;
    const now = clock.now();
    if (!this.#startedAlone && !db.shared) {
      await db.transact('end push leases', async (tx) => tx.send(queries.endPushLeases, { now }));
      this.#startedAlone = true;
    }
    // In both directions, because a clock that was set back would otherwise delay this look too.
    if (Math.abs(now - this.#freedAt) < freeEveryMs) return;
    this.#freedAt = now;
    await db.transact('free pushes', async (tx) => tx.send(queries.freePushes, { now, latest: now + longestWaitMs }));
  }

  /** Takes due configurations of a kind and starts to serve them. @returns milliseconds until the next is due. */
  async #take(failing: 0 | 1): Promise<number> {
    const { db, clock } = this.#ctx;
    const limit = Math.min(mostTaken, this.#slots.room(failing));
    // The loop is woken when a slot becomes free.
    if (limit <= 0) return Infinity;
    const now = clock.now();
    const next = (await db.first(queries.nextPushAt, { failing }))?.ready_at ?? Infinity;
    if (next > now) return next - now;
    const lease = { leased_by: randomUUID(), leased_until: this.#leaseEnd(now) };
    const taken = await db.transact('take pushes', (tx) =>
      tx.all(queries.claimPushes, { failing, limit, now, ...lease }),
    );
    for (const { task_id: taskId, name, url } of taken) {
      const slot = this.#slots.take(failing);
      const turn = { taskId, name, slot, leasedBy: lease.leased_by, leasedUntil: lease.leased_until };
      const serving: Promise<void> = this.#serve(turn, url).finally(() => {
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

  /** Tells a configuration what is due until its turn is over. Never throws: another turn continues after the lease. */
  async #serve(turn: Omit<PushTurn, 'target'>, url: string): Promise<void> {
    const { db, clock, log, config } = this.#ctx;
    try {
      const target = await this.#timed(turn, this.#lookup.of(url));
      const whole = Object.assign(turn, { target });
      let done: Parameters<typeof takePushStep>[2]['done'];
      for (let sent = 0; ; sent++) {
        const isOver = sent === longestTurn || strains(whole, done) || this.#stop.signal.aborted;
        const next = await db.transact('push', (tx) => {
          const now = clock.now();
          const observe = (outcome: Outcome) => this.#observe?.(outcome);
          const leaseEnd = this.#leaseEnd(now);
          return takePushStep({ ctx: this.#ctx, tx, now }, whole, { done, isOver, leaseEnd, observe });
        });
        if (next === undefined) return;
        done = await this.#timed(turn, this.#attempt(next));
        if (done === undefined) return;
      }
    } catch (error) {
      log.error({ taskId: turn.taskId, timeoutSeconds: config.webhooks.timeoutSeconds, err: error }, 'a push failed');
    }
  }

  /** @returns undefined if the attempt was aborted, so that its outcome is unknown. */
  async #attempt(consignment: PushConsignment) {
    const { config, news } = consignment;
    const { signal } = this.#stop;
    const result = await this.#sender.send(notification(config, news, this.#ctx.clock.now()), signal);
    if (result.statusCode === null) this.#lookup.forget(config.url);
    return signal.aborted ? undefined : { ...consignment, result };
  }

  /** Marks the slot of a turn if something takes long. */
  #timed<T>({ slot }: Pick<PushTurn, 'slot'>, work: Promise<T>): Promise<T> {
    return work.finally(this.#ctx.clock.after(slowMs, () => this.#slots.slow(slot)));
  }
}
