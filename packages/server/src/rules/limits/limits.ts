import type { LimitName } from '@pinchwork/sdk/table';
import { secondMs } from '../../ground/clock.ts';
import { at } from '../../ground/present.ts';
import type { RateLimit } from '../../ground/settings.ts';
import type { Ground } from '../../storage/ground.ts';
import { Loop } from '../../ground/loop.ts';
import { network } from './network.ts';
import { addTallies } from './queries.ts';
import { takeRegistration } from './registrations.ts';
import { type Tally, skewMs, type Usage, Windows } from './windows.ts';

/** The time between two merges of the counts of several servers. */
const mergeMs = secondMs;
/** Sizes of the statements that add tallies. Lists are split, never padded. */
const portions = [100, 10, 1] as const;
/** Maximum number of windows of a kind merged in one pass (0.3 s on PostgreSQL). The others wait for the next one. */
const mostTallies = 10_000;

/**
 * The rate limits (contract section 10, decision 0006). Requests with a valid key are counted per agent, all others
 * per address, in separate tables. So requests from an address cannot lock out a valid key, and a flood of addresses
 * does not displace the counts of agents.
 *
 * Registrations are counted in the database. All other requests are counted in memory, and the counts of several
 * servers are merged every second. One server is exact; several can exceed a limit by the requests that reach the
 * others within that second.
 */
export class Limits {
  readonly #ctx: Pick<Ground, 'config' | 'db' | 'clock'>;
  readonly #agents: Windows;
  readonly #addresses: Windows;
  readonly #loop: Loop;

  constructor(ctx: Pick<Ground, 'config' | 'db' | 'clock' | 'log'>) {
    this.#ctx = ctx;
    const options = { isShared: ctx.db.shared };
    this.#agents = new Windows(ctx.clock, options);
    this.#addresses = new Windows(ctx.clock, options);
    this.#loop = new Loop(
      ctx.clock,
      () => this.merge(),
      (error) => ctx.log.warn(error, 'the rate limits could not be added up; each server goes on with its own counts'),
    );
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Counts a request of an agent or of the operator. @returns undefined if there is no limit. */
  takeForCaller(name: LimitName, callerId: string): Usage | undefined {
    const limit = this.#ctx.config.rateLimits[name];
    return limit && this.#agents.take(keyOf(name, limit, callerId), limit);
  }

  /** Takes the count of an admitted request of an agent back. */
  giveBack(name: LimitName, callerId: string): void {
    const limit = this.#ctx.config.rateLimits[name];
    if (limit !== undefined) this.#agents.add(keyOf(name, limit, callerId), limit, -1);
  }

  /** Counts the bytes of a reply to an agent. */
  noteRead(agentId: string, bytes: number): void {
    const limit = this.#ctx.config.readLimit;
    if (limit !== undefined) this.#agents.add(keyOf('bytes', limit, agentId), limit, bytes);
  }

  /** What is left of an agent's limit for the bytes of replies. @returns undefined if there is no limit. */
  readsOf(agentId: string): Usage | undefined {
    const limit = this.#ctx.config.readLimit;
    return limit && this.#agents.look(keyOf('bytes', limit, agentId), limit);
  }

  /** Counts a request without a valid key. */
  takeForAddress(address: string): Usage | undefined {
    const limit = this.#ctx.config.rateLimits.read;
    return limit && this.#addresses.take(keyOf('address', limit, network(address)), limit);
  }

  /**
   * Counts a registration, for all servers and across restarts. A repetition of one that was counted, with the same
   * idempotency key, counts as a request without a key.
   */
  async takeRegistration(address: string, idempotencyKey?: string): Promise<Usage | undefined> {
    const { config, db, clock } = this.#ctx;
    const limit = config.rateLimits.register;
    if (limit === undefined) return undefined;
    const taken = await takeRegistration(db, { address, idempotencyKey, limit, now: clock.now() });
    return taken === 'repeated' ? this.takeForAddress(address) : taken;
  }

  /** Merges the counts of all servers. @returns milliseconds until the next merge. */
  async merge(): Promise<number> {
    for (const windows of [this.#agents, this.#addresses]) {
      windows.sweep();
      if (this.#ctx.db.shared) await this.#addUp(windows);
    }
    return mergeMs;
  }

  async #addUp(windows: Windows): Promise<void> {
    // Sorted, so that servers that add to the same windows lock them in the same order.
    const tallies = windows.tallies(mostTallies).sort((a, b) => (a.key < b.key ? -1 : 1));
    const portions = [...Map.groupBy(tallies, ({ windowMs }) => windowMs).values()].flatMap(inPortions);
    let done = 0;
    try {
      for (; done < portions.length; done++) for (const sum of await this.#add(at(portions, done))) windows.merge(sum);
    } catch (error) {
      for (const tally of portions.slice(done).flat()) windows.restore(tally);
      throw error;
    }
  }

  /** @param tallies tallies of windows of equal length. */
  #add(tallies: readonly Tally[]): Promise<Omit<Tally, 'windowMs'>[]> {
    const { db, clock } = this.#ctx;
    const params = tallies.flatMap(({ key, count, endsAt }, i) => [
      [`key_${i}`, key] as const,
      [`count_${i}`, count] as const,
      [`ends_at_${i}`, endsAt] as const,
    ]);
    return db.transact('merge limits', async (tx) => {
      const now = clock.now();
      const latest = now + at(tallies, 0).windowMs + skewMs;
      const rows = await tx.all(addTallies(tallies.length), { now, latest, ...Object.fromEntries(params) });
      return rows.map(({ key, count, ends_at }) => ({ key, count, endsAt: ends_at }));
    });
  }
}

function inPortions(tallies: readonly Tally[]): Tally[][] {
  const list: Tally[][] = [];
  let from = 0;
  for (const size of portions) {
    for (; tallies.length - from >= size; from += size) list.push(tallies.slice(from, from + size));
  }
  return list;
}

/** The key contains the length of the window, so that old counts end when an operator changes the length. */
const keyOf = (kind: LimitName | 'address' | 'bytes', { windowMs }: RateLimit, who: string) =>
  `${kind}/${windowMs} ${who}`;
